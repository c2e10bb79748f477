//! What a store is asked with, and what it answers.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::record::{Incarnation, Nonce};
use crate::{
    entry::{Entry, Undecodable},
    key::EntryKey,
    tag::TagId,
};

/// The right to store one entry, until an invalidation, another holder or time takes it away (R3).
///
/// Only the fill that it was given to has it: the token alone could be guessed, or come up again after a
/// failover, so a nonce goes with it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Lease {
    pub(super) incarnation: Incarnation,
    pub(super) token: u64,
    pub(super) nonce: Nonce,
}

impl Lease {
    /// How long a lease lasts if nobody renews it: as long as a dead process can keep a key from being
    /// filled.
    pub(crate) const TTL: Duration = Duration::from_secs(2);

    /// How often the holder renews it: three renewals may be lost before it is.
    pub(crate) const RENEWAL: Duration = Duration::from_millis(500);

    /// As `begin_fill.lua` writes it.
    pub(super) fn to_bytes(&self) -> Bytes {
        let mut text = Vec::with_capacity(56);
        text.extend_from_slice(self.incarnation.as_bytes());
        text.extend_from_slice(format!(" {} ", self.token).as_bytes());
        text.extend_from_slice(self.nonce.as_bytes());
        text.into()
    }
}

/// Where an entry goes that is not for the key of its fill: a fill learns only from its answer whether that has variants.
/// The keys are of one page.
#[derive(Clone, Debug)]
pub(crate) struct Elsewhere {
    pub(crate) key: EntryKey,
    /// For a variant: under its page's key, what the page varies on.
    pub(crate) variants: Option<(EntryKey, Arc<Entry>)>,
}

/// What an entry is put in the place of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Onto<'a> {
    /// Whatever is there.
    Anything,
    /// The head of this very entry.
    Head(Revision),
    Elsewhere(&'a Elsewhere),
}

impl From<Option<Revision>> for Onto<'_> {
    fn from(renewed: Option<Revision>) -> Self {
        renewed.map_or(Self::Anything, Self::Head)
    }
}

/// Which storing of an entry this is: an entry that is stored again, with the same content or another, is another one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Revision {
    pub(super) incarnation: Incarnation,
    /// The token of the fill that stored it.
    pub(super) stamp: u64,
}

impl Revision {
    /// As the entry's bytes have it.
    pub(super) fn to_bytes(self) -> Bytes {
        [
            self.incarnation.as_bytes().as_slice(),
            &self.stamp.to_le_bytes(),
        ]
        .concat()
        .into()
    }
}

/// An entry, with the tags that it was stored with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) entry: Arc<Entry>,
    pub(crate) tags: Arc<[TagId]>,
    pub(crate) revision: Revision,
}

/// What a lookup found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Lookup {
    /// An entry that no invalidation has overtaken.
    Hit(Found),
    Miss(MissCause),
}

/// Why there was nothing to serve.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum MissCause {
    /// Nothing is stored, or no longer.
    Absent,
    /// One of its tags, or everything, was invalidated after its fill began.
    Invalidated,
    /// One of its tags is gone, so nobody can say whether it was invalidated.
    TagMissing,
    /// Stored before the partition's record was lost.
    OtherIncarnation,
    /// Its tags changed between two reads, twice.
    TagsMoved,
    /// What is stored cannot be read.
    Undecodable(Undecodable),
}

/// What one who waits for another process's fill found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Poll {
    pub(crate) found: Lookup,
    /// Somebody is filling, and may still store. If not, the next `begin_fill` gets the lease.
    pub(crate) held: bool,
}

/// What a fill was told at its start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Begin {
    Lease(Lease),
    /// Somebody else has the lease, for so long if it is not renewed.
    Held {
        remaining: Duration,
    },
    /// An invalidation holds one of the tags in the future: whatever is loaded within this time may not
    /// be stored.
    NoStoreUntil(Duration),
}

/// What became of a fill.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stored {
    Stored,
    Refused(RefusedCause),
}

/// Why a fill was not stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RefusedCause {
    /// The lease ran out, was evicted, or is another's.
    LeaseLost,
    /// The partition's record was lost during the fill.
    OtherIncarnation,
    /// The token is later than every clock: it comes from a time that a failover has undone.
    FutureToken,
    /// One of the tags, or everything, was invalidated during the fill.
    Invalidated,
    /// More tags than an entry can name.
    TooManyTags,
    /// The entry that the handler was asked about is gone, or another one has taken its place (R10).
    Replaced,
}
