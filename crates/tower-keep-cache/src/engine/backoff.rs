//! The keys whose handler has just failed while there was something stale to serve.
//!
//! Asking it at each request would make everybody wait for another failure, and keep a struggling database busy. It is
//! asked again after a second, and after twice as long each time that it fails, up to half a minute.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::key::{EntryKey, HashOnlyMap};

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// Keys in one generation: about as many as can fail within one pause.
const GENERATION: usize = 2048;

/// A bounded memory of keys: of two generations, the older one is dropped when the younger one is full.
#[derive(Debug, Default)]
pub(super) struct Backoff(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashOnlyMap<Pause>,
    old: HashOnlyMap<Pause>,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    until: Instant,
    /// How long the handler was left alone after its last failure.
    length: Duration,
    /// It has failed, so that what is stale may be served; else it is only spared what nobody waits for.
    failing: bool,
}

impl Backoff {
    pub(super) fn is_backing_off(&self, key: &EntryKey, now: Instant) -> bool {
        self.lock().find(key).is_some_and(|pause| now < pause.until)
    }

    /// Whether it is left alone because it has failed.
    pub(super) fn is_failing(&self, key: &EntryKey, now: Instant) -> bool {
        let pause = self.lock().find(key);
        pause.is_some_and(|pause| pause.failing && now < pause.until)
    }

    pub(super) fn failed(&self, key: &EntryKey, now: Instant) {
        self.lengthen(key, now, true);
    }

    /// It has answered, but with what may not be stored.
    pub(super) fn refused(&self, key: &EntryKey, now: Instant) {
        self.lengthen(key, now, false);
    }

    fn lengthen(&self, key: &EntryKey, now: Instant, failing: bool) {
        let mut all = self.lock();
        let length = match all.find(key) {
            Some(pause) if !pause.length.is_zero() => (pause.length * 2).min(LONGEST),
            _ => FIRST,
        };
        let until = now + length;
        let pause = Pause {
            until,
            length,
            failing,
        };
        all.insert(key, pause);
    }

    /// Leaves the key alone for a while, without a failure.
    pub(super) fn pause(&self, key: &EntryKey, now: Instant, length: Duration) {
        let mut all = self.lock();
        let known = all.find(key);
        let until = now + length;
        let pause = Pause {
            until: known.map_or(until, |known| known.until.max(until)),
            length: known.map_or(Duration::ZERO, |known| known.length),
            failing: known.is_some_and(|known| known.failing && now < known.until),
        };
        all.insert(key, pause);
    }

    pub(super) fn forget(&self, key: &EntryKey) {
        let mut all = self.lock();
        all.young.remove(&key.hash());
        all.old.remove(&key.hash());
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn find(&self, key: &EntryKey) -> Option<Pause> {
        let of = |generation: &HashOnlyMap<Pause>| generation.get(&key.hash()).copied();
        of(&self.young).or_else(|| of(&self.old))
    }

    fn insert(&mut self, key: &EntryKey, pause: Pause) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key.hash(), pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> EntryKey {
        EntryKey::from_parts(&[&number.to_le_bytes()])
    }

    #[test]
    fn each_failure_doubles_the_pause_and_a_success_ends_it() {
        let (backoff, mut now) = (Backoff::default(), Instant::now());
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            assert!(!backoff.is_backing_off(&key(1), now));
            backoff.failed(&key(1), now);
            now += Duration::from_secs(seconds);
            assert!(backoff.is_backing_off(&key(1), now - Duration::from_millis(1)));
        }
        assert!(!backoff.is_backing_off(&key(2), now));
        backoff.failed(&key(1), now);
        backoff.forget(&key(1));
        assert!(!backoff.is_backing_off(&key(1), now));
        backoff.failed(&key(1), now);
        assert!(!backoff.is_backing_off(&key(1), now + FIRST));
    }

    #[test]
    fn a_pause_is_no_failure_and_shortens_none() {
        let (backoff, now) = (Backoff::default(), Instant::now());
        backoff.pause(&key(1), now, FIRST / 4);
        assert!(backoff.is_backing_off(&key(1), now));
        assert!(!backoff.is_backing_off(&key(1), now + FIRST / 4));
        backoff.failed(&key(1), now);
        backoff.pause(&key(1), now, FIRST / 4);
        assert!(backoff.is_backing_off(&key(1), now + FIRST / 2));
    }

    #[test]
    fn who_has_answered_is_spared_and_has_not_failed() {
        let (backoff, now) = (Backoff::default(), Instant::now());
        backoff.failed(&key(1), now);
        assert!(backoff.is_failing(&key(1), now) && !backoff.is_failing(&key(1), now + FIRST));
        backoff.refused(&key(1), now);
        assert!(backoff.is_backing_off(&key(1), now + FIRST) && !backoff.is_failing(&key(1), now));
        backoff.pause(&key(2), now, FIRST);
        assert!(backoff.is_backing_off(&key(2), now) && !backoff.is_failing(&key(2), now));
    }

    #[test]
    fn the_memory_is_bounded() {
        let (backoff, now) = (Backoff::default(), Instant::now());
        (0..10 * GENERATION).for_each(|number| backoff.failed(&key(number), now));
        let all = backoff.lock();
        assert!(all.young.len() + all.old.len() <= 2 * GENERATION);
    }
}
