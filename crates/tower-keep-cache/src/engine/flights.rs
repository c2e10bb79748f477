//! The flights of this process, by key.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::Instant,
};

use super::{admission::Admission, flight::Flight, hit_for_miss::HitForMiss};
use crate::key::{EntryKey, KeyMap};

/// Who waits: the receiver is in the request's future, so that a request that goes away is seen to be gone.
pub(super) type Waiter = oneshot::Sender<Admission>;

pub(super) fn live(waiter: &Waiter) -> bool {
    !waiter.is_closed()
}

const SHARDS: usize = 32;
/// Marks of hit-for-miss in all shards together: 4096 keys.
const MARKS: usize = 4096;

#[derive(Debug)]
pub(super) struct Flights {
    shards: Box<[Shard]>,
}

#[derive(Debug)]
struct Shard {
    /// How many flights of this shard have ended with an entry that can be found in the store.
    found: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    flights: KeyMap<Flight<Waiter>>,
    hit_for_miss: HitForMiss,
}

/// What becomes of a request that found nothing.
#[derive(Debug)]
pub(super) enum Joined {
    /// It waits for a flight.
    Waits,
    /// No new flight: too many are on their way.
    Full,
    /// It is the first of a new flight, which needs a driver.
    ///
    /// `look`: a flight of this shard has brought an entry since the request looked, so that it is better to look again.
    First {
        look: bool,
        permit: OwnedSemaphorePermit,
    },
    /// The key's answers could not be stored: the request tries whether they can be again, and waits for nobody.
    Solo { permit: OwnedSemaphorePermit },
    /// The key's answers could not be stored, and somebody already tries whether they can be again.
    Alone,
}

impl Flights {
    pub(super) fn new() -> Self {
        let shard = |_| Shard {
            found: AtomicU64::new(0),
            inner: Mutex::new(Inner {
                flights: KeyMap::default(),
                hit_for_miss: HitForMiss::new(MARKS / SHARDS),
            }),
        };
        Self {
            shards: (0..SHARDS).map(shard).collect(),
        }
    }

    /// A mark to compare with in [`join`](Self::join); to be taken before the look into the store.
    pub(super) fn mark(&self, key: &EntryKey) -> u64 {
        self.shard(key).found.load(Ordering::Acquire)
    }

    pub(super) fn join(
        &self,
        key: &EntryKey,
        waiter: Waiter,
        mark: u64,
        fills: &Arc<Semaphore>,
        now: Instant,
    ) -> Joined {
        let mut inner = self.lock(key);
        let marked = inner.hit_for_miss.contains(key, now);
        match inner.flights.get_mut(key) {
            Some(_) if marked => Joined::Alone,
            Some(flight) => {
                flight.join(waiter, live);
                Joined::Waits
            }
            None => {
                let Ok(permit) = Arc::clone(fills).try_acquire_owned() else {
                    return Joined::Full;
                };
                let mut flight = Flight::new();
                flight.join(waiter, live);
                inner.flights.insert(key.clone(), flight);
                if marked {
                    Joined::Solo { permit }
                } else {
                    Joined::First {
                        look: self.mark(key) != mark,
                        permit,
                    }
                }
            }
        }
    }

    /// Begins a flight for one whom nobody need wait for. `None`: there is one, or too many are on their way.
    pub(super) fn open(
        &self,
        key: &EntryKey,
        waiter: Waiter,
        fills: &Arc<Semaphore>,
    ) -> Option<OwnedSemaphorePermit> {
        let mut inner = self.lock(key);
        if inner.flights.contains_key(key) {
            return None;
        }
        let permit = Arc::clone(fills).try_acquire_owned().ok()?;
        let mut flight = Flight::new();
        flight.join(waiter, live);
        inner.flights.insert(key.clone(), flight);
        Some(permit)
    }

    pub(super) fn with<R>(&self, key: &EntryKey, act: impl FnOnce(&mut Flight<Waiter>) -> R) -> R {
        act(self
            .lock(key)
            .flights
            .entry(key.clone())
            .or_insert_with(Flight::new))
    }

    /// The run has ended. True if somebody is left to form the next flight; else the flight is gone.
    pub(super) fn next(&self, key: &EntryKey) -> bool {
        let mut inner = self.lock(key);
        let more = inner
            .flights
            .get_mut(key)
            .is_some_and(|flight| flight.next(live));
        if !more {
            inner.flights.remove(key);
        }
        more
    }

    /// Removes a flight that has lost its driver; who waits is told by the loss of the sender.
    pub(super) fn remove(&self, key: &EntryKey) {
        let removed = self.lock(key).flights.remove(key);
        drop(removed);
    }

    /// An entry for the key can be found in the store.
    pub(super) fn found(&self, key: &EntryKey) {
        self.shard(key).found.fetch_add(1, Ordering::Release);
    }

    /// The key's answer could be stored.
    pub(super) fn stored(&self, key: &EntryKey) {
        self.lock(key).hit_for_miss.forget(key);
        self.found(key);
    }

    /// The key's answer could not be stored: nobody waits for it for a while.
    pub(super) fn not_storable(&self, key: &EntryKey, now: Instant) {
        self.lock(key).hit_for_miss.remember(key, now);
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.shards
            .iter()
            .all(|shard| shard.inner.lock().unwrap().flights.is_empty())
    }

    fn shard(&self, key: &EntryKey) -> &Shard {
        // The map inside takes its bucket from the low bits of the same hash.
        &self.shards[(key.hash() >> 32) as usize % SHARDS]
    }

    fn lock(&self, key: &EntryKey) -> MutexGuard<'_, Inner> {
        self.shard(key)
            .inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else a request whose look has just missed the entry would run the handler again at the end of every fill.
    #[test]
    fn who_looked_before_a_flight_ended_with_an_entry_looks_again() {
        let (flights, fills) = (Flights::new(), Arc::new(Semaphore::new(2)));
        let key = EntryKey::from_parts(&[b"key"]);
        let join = |mark| {
            let (waiter, _) = oneshot::channel();
            flights.join(&key, waiter, mark, &fills, Instant::now())
        };
        let mark = flights.mark(&key);
        assert!(matches!(join(mark), Joined::First { look: false, .. }));
        assert!(matches!(join(mark), Joined::Waits));
        flights.stored(&key);
        assert!(!flights.next(&key), "both have gone");
        assert!(matches!(join(mark), Joined::First { look: true, .. }));
        flights.remove(&key);
        assert!(matches!(
            join(flights.mark(&key)),
            Joined::First { look: false, .. }
        ));
    }
}
