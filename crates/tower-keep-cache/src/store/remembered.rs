use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use crate::{
    key::{EntryKey, HashOnlyMap},
    tag::TagId,
};

/// The tags that entries had when they were last read, so that the next read asks for the right ones at once, also
/// those that nobody expected, and none has to be hashed for it.
///
/// A wrong memory costs a round trip, a lost one that or a hash. Bounded: two generations of keys, of which the older
/// one is dropped when the younger one is full.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// Where no entry has tags, no read takes a lock to learn that.
    any: AtomicBool,
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashOnlyMap<Arc<[TagId]>>,
    old: HashOnlyMap<Arc<[TagId]>>,
}

/// Keys in one generation: about as many as are hot at a time; with a few tags each, some hundred
/// kilobytes, and with all that an entry can have 16 MiB.
const GENERATION: usize = 2048;

impl Remembered {
    pub(super) fn tags(&self, key: &EntryKey) -> Option<Arc<[TagId]>> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let mut generations = self.lock();
        if let Some(tags) = generations.young.get(&key.hash()) {
            return Some(Arc::clone(tags));
        }
        let tags = generations.old.remove(&key.hash())?;
        generations.insert(key, &tags);
        Some(tags)
    }

    pub(super) fn remember(&self, key: &EntryKey, tags: &Arc<[TagId]>) {
        self.any.store(true, Ordering::Relaxed);
        self.lock().insert(key, tags);
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn insert(&mut self, key: &EntryKey, tags: &Arc<[TagId]>) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key.hash(), Arc::clone(tags));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::Tag;

    #[test]
    fn what_is_used_is_remembered_and_the_rest_is_bounded() {
        let remembered = Remembered::default();
        let tags: Arc<[TagId]> = [Tag::from("a").id()].into();
        let key = |number: usize| EntryKey::from_parts(&[&number.to_le_bytes()]);
        for number in 0..10 * GENERATION {
            remembered.remember(&key(number), &tags);
            assert_eq!(remembered.tags(&key(0)).as_ref(), Some(&tags));
        }
        assert_eq!(remembered.tags(&key(1)), None);
        let generations = remembered.generations.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= 2 * GENERATION);
    }
}
