use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{
    answer::{Begin, Lease, Lookup, Onto, Poll, Stored},
    partition::Partition,
    record::Nonce,
};
use crate::{entry::Entry, key::EntryKey, tag::TagId};

/// The store of one namespace in this process.
///
/// An entry lives in one of several partitions, each behind its own lock, so that hits on several
/// cores rarely meet; a tag lives in all of them, as in a cluster.
#[derive(Debug)]
pub(crate) struct MemoryStore {
    partitions: Box<[Mutex<Partition>]>,
    clock: Clock,
    /// Nonces need not be random where nobody else can take part: they must differ.
    nonces: AtomicU64,
}

impl MemoryStore {
    /// About how many bytes are kept: enough for some ten thousand pages, little enough to forget about.
    pub(crate) const MAX_BYTES: usize = 64 << 20;

    /// Few, because each has its share of the bytes to itself, and an entry has to fit in one.
    const PARTITIONS: usize = 8;

    /// A store that keeps about so many bytes.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self::with_partitions(Self::PARTITIONS, max_bytes, Clock::Running(Instant::now()))
    }

    pub(super) fn with_partitions(count: usize, max_bytes: usize, clock: Clock) -> Self {
        Self {
            partitions: (0..count)
                .map(|_| Mutex::new(Partition::new(max_bytes / count)))
                .collect(),
            clock,
            nonces: AtomicU64::new(0),
        }
    }

    /// Nothing to wait for and nothing to allocate: a hit is a hash table away.
    pub(crate) fn lookup(&self, key: &EntryKey) -> Lookup {
        let now = self.clock.now();
        self.partition(key).lookup(now, key)
    }

    pub(crate) fn poll(&self, key: &EntryKey, expected: &[TagId]) -> Poll {
        let now = self.clock.now();
        self.partition(key).poll(now, key, expected)
    }

    pub(crate) fn begin_fill(&self, key: &EntryKey, expected: &[TagId]) -> Begin {
        let now = self.clock.now();
        self.partition(key)
            .begin_fill(now, key, expected, self.nonce())
    }

    pub(crate) fn renew(&self, key: &EntryKey, lease: &Lease) -> bool {
        let now = self.clock.now();
        self.partition(key).renew(now, key, lease)
    }

    pub(crate) fn store(
        &self,
        key: &EntryKey,
        lease: &Lease,
        tags: &[TagId],
        entry: &Arc<Entry>,
        ttl: Duration,
        onto: Onto<'_>,
    ) -> Stored {
        let now = self.clock.now();
        self.partition(key)
            .store(now, key, lease, tags, entry, ttl, onto)
    }

    pub(crate) fn release(&self, key: &EntryKey, lease: &Lease) {
        self.partition(key).release(key, lease);
    }

    pub(crate) fn invalidate(&self, tags: &[TagId], hold: Duration) {
        if tags.is_empty() {
            return;
        }
        let mut partitions = self.all();
        let now = self.clock.now();
        for partition in &mut partitions {
            partition.invalidate(now, tags, hold, self.nonce());
        }
    }

    pub(crate) fn flush(&self) {
        let mut partitions = self.all();
        let now = self.clock.now();
        for partition in &mut partitions {
            partition.flush(now, self.nonce());
        }
    }

    /// All partitions at one moment, and in one order, so that two who want them all do not wait for each other.
    ///
    /// One after the other, a fill could begin in a partition that was told already, use an entry of one that was not,
    /// and be stored as made after the invalidation.
    fn all(&self) -> Vec<MutexGuard<'_, Partition>> {
        self.partitions.iter().map(lock).collect()
    }

    fn partition(&self, key: &EntryKey) -> MutexGuard<'_, Partition> {
        // The upper half: the table inside takes its bucket from the lower one.
        let index = (key.page_hash() >> 32) as usize % self.partitions.len();
        lock(&self.partitions[index])
    }

    /// For who looks inside, where there is only one.
    #[cfg(test)]
    pub(super) fn only_partition(&self) -> MutexGuard<'_, Partition> {
        assert_eq!(self.partitions.len(), 1);
        lock(&self.partitions[0])
    }

    fn nonce(&self) -> Nonce {
        // In the upper half, of which an incarnation is made.
        Nonce::new(u128::from(self.nonces.fetch_add(1, Ordering::Relaxed)) << 64)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(Self::MAX_BYTES)
    }
}

fn lock(partition: &Mutex<Partition>) -> MutexGuard<'_, Partition> {
    // Nothing in a partition is left half done by a panic that could happen there.
    partition.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a store in this process takes its time from.
#[derive(Clone, Debug)]
pub(super) enum Clock {
    /// µs since then, which nobody steps back.
    Running(Instant),
    /// What the test says.
    #[cfg(test)]
    Set(Arc<AtomicU64>),
}

impl Clock {
    fn now(&self) -> u64 {
        match self {
            // One more, so that the first token is not the stamp of nothing.
            Self::Running(start) => start.elapsed().as_micros() as u64 + 1,
            #[cfg(test)]
            Self::Set(now) => now.load(Ordering::SeqCst),
        }
    }
}

/// The stores of all namespaces behind one in-process connection manager.
#[derive(Debug, Default)]
pub(crate) struct MemoryStores(Mutex<HashMap<String, Arc<MemoryStore>>>);

impl MemoryStores {
    /// The store of this namespace, the same for everyone who asks.
    pub(crate) fn namespace(&self, namespace: &str) -> Arc<MemoryStore> {
        let mut stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let store = stores.entry(namespace.to_owned()).or_default();
        Arc::clone(store)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use bytes::Bytes;

    use super::*;
    use crate::tag::Tag;

    const MINUTE: Duration = Duration::from_secs(60);

    fn entry() -> Arc<Entry> {
        Arc::new(Entry::value(0, 0, Bytes::new(), 0, MINUTE))
    }

    fn begin(store: &MemoryStore, key: &EntryKey) -> Lease {
        match store.begin_fill(key, &[]) {
            Begin::Lease(lease) => lease,
            other => panic!("{other:?}"),
        }
    }

    /// What a fill has used must not be older than the fill is said to be, in whatever partitions they are.
    #[test]
    fn a_fill_that_has_used_an_entry_before_its_invalidation_is_refused() {
        // Many partitions, so that telling them one after the other would take long enough to be met.
        let store = MemoryStore::with_partitions(1024, 1 << 30, Clock::Running(Instant::now()));
        let mut used = 0;
        for round in 0..2000u32 {
            let tags = [Tag::from(format!("row:{round}")).id()];
            let [inner, outer] = [&b"inner"[..], b"outer"]
                .map(|name| EntryKey::from_parts(&[name, &round.to_be_bytes()]));
            let lease = begin(&store, &inner);
            assert_eq!(
                store.store(&inner, &lease, &tags, &entry(), MINUTE, Onto::Anything),
                Stored::Stored
            );
            let start = Barrier::new(2);
            let (lease, hit) = thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    store.invalidate(&tags, Duration::ZERO);
                });
                start.wait();
                let lease = begin(&store, &outer);
                let hit = matches!(store.lookup(&inner), Lookup::Hit(_));
                (lease, hit)
            });
            if hit {
                used += 1;
                let stored = store.store(&outer, &lease, &tags, &entry(), MINUTE, Onto::Anything);
                assert_ne!(stored, Stored::Stored, "round {round}");
            }
        }
        assert!(used > 0, "nothing has met");
    }
}
