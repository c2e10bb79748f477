//! What a store is asked with, and what it answers.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::record::{Incarnation, Nonce};
use crate::{
    entry::{Entry, Undecodable},
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

/// What a lookup found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Lookup {
    /// An entry that no invalidation has overtaken, with the tags that it was stored with.
    Hit {
        entry: Arc<Entry>,
        tags: Arc<[TagId]>,
    },
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
pub(crate) enum Poll {
    Hit {
        entry: Arc<Entry>,
        tags: Arc<[TagId]>,
    },
    /// Somebody is filling, and may still store.
    LeaseHeld,
    /// Nobody is filling, or in vain: the next `begin_fill` gets the lease.
    LeaseGone,
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
}
