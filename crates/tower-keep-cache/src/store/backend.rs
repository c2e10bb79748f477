use std::{sync::Arc, time::Duration};

use tower_keep_core::connection::CommandError;

use super::{
    answer::{Begin, Elsewhere, Lease, Lookup, Onto, Poll, Revision, Stored},
    memory::MemoryStore,
    redis::RedisStore,
};
use crate::{
    entry::Entry,
    key::EntryKey,
    tag::{Tag, TagId},
};

/// Where entries are kept, with the operations of the fill protocol.
///
/// Every operation that ends in an error may or may not have happened. Each is safe in both cases:
/// nothing that is done twice, late or not at all makes anything stale servable, with the one exception
/// that an `invalidate` which may not have happened must be repeated until it has.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    Memory(Arc<MemoryStore>),
    Redis(RedisStore),
}

impl Store {
    /// The longest life of an entry, the longest hold, and the longest fill. A year is what HTTP caches take for "for ever";
    /// a number without bound would not fit in a double.
    pub(crate) const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    /// The entry under `key`, if it may be served. `expected` are the tags that it is likely to have: a
    /// good guess saves a second round trip, a bad one costs nothing else.
    pub(crate) async fn lookup(
        &self,
        key: &EntryKey,
        expected: &[Tag],
    ) -> Result<Lookup, CommandError> {
        match self {
            Self::Memory(store) => Ok(store.lookup(key)),
            Self::Redis(store) => store.lookup(key, expected).await,
        }
    }

    /// Asks for the right to fill `key`. Whatever is loaded after this answer, and only that, may be
    /// stored with the lease.
    pub(crate) async fn begin_fill(
        &self,
        key: &EntryKey,
        expected: &[TagId],
    ) -> Result<Begin, CommandError> {
        match self {
            Self::Memory(store) => Ok(store.begin_fill(key, expected)),
            Self::Redis(store) => store.begin_fill(key, expected).await,
        }
    }

    /// What has become of another's fill: one round trip.
    pub(crate) async fn poll(
        &self,
        key: &EntryKey,
        expected: &[TagId],
    ) -> Result<Poll, CommandError> {
        match self {
            Self::Memory(store) => Ok(store.poll(key, expected)),
            Self::Redis(store) => store.poll(key, expected).await,
        }
    }

    /// Keeps the lease for another [`Lease::TTL`]. False if it is not held any more: then `store` will
    /// be refused.
    pub(crate) async fn renew(&self, key: &EntryKey, lease: &Lease) -> Result<bool, CommandError> {
        match self {
            Self::Memory(store) => Ok(store.renew(key, lease)),
            Self::Redis(store) => store.renew(key, lease).await,
        }
    }

    /// Stores what the lease's fill has loaded, to be kept for `ttl`. The lease is spent, whatever the
    /// answer. Never to be repeated.
    ///
    /// `renewed`: the entry's body is that of this one, which is then all that may lie there (R10): a new head is
    /// put before it. Another one's body with this head would be an answer that nobody has given.
    pub(crate) async fn store(
        &self,
        key: &EntryKey,
        lease: Lease,
        tags: &[TagId],
        entry: &Arc<Entry>,
        ttl: Duration,
        renewed: Option<Revision>,
    ) -> Result<Stored, CommandError> {
        let ttl = ttl.min(Self::FOR_EVER);
        match self {
            Self::Memory(store) => Ok(store.store(key, &lease, tags, entry, ttl, renewed.into())),
            Self::Redis(store) => {
                let onto = renewed.into();
                store.store(key, &lease, tags, entry, ttl, onto).await
            }
        }
    }

    /// As [`store`](Self::store), with the lease of `key` and the entry elsewhere.
    pub(crate) async fn store_elsewhere(
        &self,
        key: &EntryKey,
        lease: Lease,
        tags: &[TagId],
        entry: &Arc<Entry>,
        ttl: Duration,
        elsewhere: &Elsewhere,
    ) -> Result<Stored, CommandError> {
        let ttl = ttl.min(Self::FOR_EVER);
        let onto = Onto::Elsewhere(elsewhere);
        match self {
            Self::Memory(store) => Ok(store.store(key, &lease, tags, entry, ttl, onto)),
            Self::Redis(store) => store.store(key, &lease, tags, entry, ttl, onto).await,
        }
    }

    /// Gives the lease back unused, so that the next one need not wait for its end.
    pub(crate) async fn release(&self, key: &EntryKey, lease: Lease) -> Result<(), CommandError> {
        match self {
            Self::Memory(store) => {
                store.release(key, &lease);
                Ok(())
            }
            Self::Redis(store) => store.release(key, &lease).await,
        }
    }

    /// Makes every entry that carries one of these tags unusable, and every fill that began before this
    /// moment or within `hold` after it, for those tags.
    pub(crate) async fn invalidate(
        &self,
        tags: &[TagId],
        hold: Duration,
    ) -> Result<(), CommandError> {
        let hold = hold.min(Self::FOR_EVER);
        match self {
            Self::Memory(store) => {
                store.invalidate(tags, hold);
                Ok(())
            }
            Self::Redis(store) => store.invalidate(tags, hold).await,
        }
    }

    /// Makes every entry and every running fill of the namespace unusable.
    pub(crate) async fn flush(&self) -> Result<(), CommandError> {
        match self {
            Self::Memory(store) => {
                store.flush();
                Ok(())
            }
            Self::Redis(store) => store.flush().await,
        }
    }
}
