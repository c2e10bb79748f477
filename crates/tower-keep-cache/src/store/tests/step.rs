//! What can happen in the world around a store, and what is promised whatever happens.

use proptest::prelude::*;

use super::keep::{KEYS, TAGS, Target};

pub(super) const FILLERS: usize = 3;
pub(super) const READERS: usize = 2;

/// One step. What makes no sense at the moment does nothing.
#[derive(Clone, Debug)]
pub(super) enum Op {
    /// `expected` are bits: a filler need not know all tags of its entry.
    Begin {
        filler: usize,
        key: usize,
        expected: u8,
    },
    /// Finds an entry about which it will ask.
    Look {
        filler: usize,
        key: usize,
    },
    /// Reads the rows. If the entry that it has found has the same content, that is all it is told.
    Load {
        filler: usize,
    },
    Renew {
        filler: usize,
    },
    Store {
        filler: usize,
    },
    Release {
        filler: usize,
    },
    /// The process dies.
    Abandon {
        filler: usize,
    },
    /// Changes a row; each tag names one.
    Commit {
        tag: usize,
    },
    Invalidate {
        tag: usize,
        hold: u64,
    },
    Flush,
    Read {
        reader: usize,
        key: usize,
        expected: u8,
    },
    /// The second `MGET` of a reader that needs one.
    ReadOn {
        reader: usize,
    },
    Evict(Target),
    Clock(i64),
    Snapshot,
    /// The server is as it was at the last snapshot. If the application notices, as the connection tells
    /// it, it flushes before it does anything else.
    Restore {
        noticed: bool,
    },
}

/// What the store promises.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Promise {
    /// After an invalidation, no read that starts later gets a value loaded before the write.
    Fresh,
    /// A fill that nothing has overtaken is stored.
    Undisturbed,
    /// Nobody stores or renews with another's lease.
    Own,
    /// Nobody waits for a lease that is void.
    NoVainWait,
}

/// A promise that was not kept, and how.
#[derive(Debug)]
pub(super) struct Broken(pub(super) Promise, pub(super) String);

/// A rule of the client that can be taken out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Client {
    AllRules,
    /// The second `MGET` asks for the missing tags only, and trusts the entry of the first.
    WithoutR6,
}

impl Promise {
    pub(super) const ALL: [Self; 4] = [Self::Fresh, Self::Undisturbed, Self::Own, Self::NoVainWait];
}

/// The tags that somebody expects: all of them as a rule.
pub(super) fn any_tags() -> impl Strategy<Value = u8> {
    let all = (1_u8 << TAGS) - 1;
    prop_oneof![Just(all), 0..=all]
}

/// Any step.
pub(super) fn any_op() -> impl Strategy<Value = Op> {
    let filler = || 0..FILLERS;
    let target = prop_oneof![
        1 => Just(Target::Record),
        2 => (0..TAGS).prop_map(Target::Tag),
        1 => (0..KEYS).prop_map(Target::Lease),
        1 => (0..KEYS).prop_map(Target::Entry),
    ];
    prop_oneof![
        8 => (filler(), 0..KEYS, any_tags())
            .prop_map(|(filler, key, expected)| Op::Begin { filler, key, expected }),
        4 => (filler(), 0..KEYS).prop_map(|(filler, key)| Op::Look { filler, key }),
        8 => filler().prop_map(|filler| Op::Load { filler }),
        8 => filler().prop_map(|filler| Op::Store { filler }),
        1 => filler().prop_map(|filler| Op::Renew { filler }),
        1 => filler().prop_map(|filler| Op::Release { filler }),
        1 => filler().prop_map(|filler| Op::Abandon { filler }),
        5 => (0..TAGS).prop_map(|tag| Op::Commit { tag }),
        5 => (0..TAGS, prop_oneof![9 => Just(0), 1 => 1..5_u64])
            .prop_map(|(tag, hold)| Op::Invalidate { tag, hold }),
        1 => Just(Op::Flush),
        4 => (0..READERS, 0..KEYS, any_tags())
            .prop_map(|(reader, key, expected)| Op::Read { reader, key, expected }),
        3 => (0..READERS).prop_map(|reader| Op::ReadOn { reader }),
        2 => target.prop_map(Op::Evict),
        4 => (-3..=3_i64).prop_map(Op::Clock),
        1 => Just(Op::Snapshot),
        1 => any::<bool>().prop_map(|noticed| Op::Restore { noticed }),
    ]
}
