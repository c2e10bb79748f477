//! The keys whose answer could not be stored the last time.
//!
//! Requests for such a key are not queued behind each other: the wait would be for nothing. Every one of them
//! still may store, so that the mark goes when an answer can be stored again; it can therefore be long.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::key::{EntryKey, HashOnlyMap};

/// How long a key is remembered: Varnish's built-in figure (`vcl_backend_response`, `beresp.ttl = 120s`).
pub(super) const REMEMBERED_FOR: Duration = Duration::from_secs(120);

/// A bounded memory of keys; the oldest mark gives way.
#[derive(Debug)]
pub(super) struct HitForMiss {
    until: HashOnlyMap<Instant>,
    /// Every insertion, oldest first; one that was renewed or forgotten since is skipped when its turn comes.
    order: VecDeque<(Instant, u64)>,
    capacity: usize,
}

impl HitForMiss {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            until: HashOnlyMap::default(),
            order: VecDeque::new(),
            capacity,
        }
    }

    pub(super) fn remember(&mut self, key: &EntryKey, now: Instant) {
        let until = now + REMEMBERED_FOR;
        // A busy key says so again and again; renewing it every time would push all others out.
        if self
            .until
            .get(&key.hash())
            .is_some_and(|known| *known > now + REMEMBERED_FOR / 2)
        {
            return;
        }
        self.until.insert(key.hash(), until);
        self.order.push_back((until, key.hash()));
        while self.order.len() > self.capacity
            || self.order.front().is_some_and(|(until, _)| *until <= now)
        {
            let Some((until, hash)) = self.order.pop_front() else {
                break;
            };
            if self.until.get(&hash) == Some(&until) {
                self.until.remove(&hash);
            }
        }
    }

    pub(super) fn forget(&mut self, key: &EntryKey) {
        self.until.remove(&key.hash());
    }

    pub(super) fn contains(&self, key: &EntryKey, now: Instant) -> bool {
        self.until
            .get(&key.hash())
            .is_some_and(|until| now < *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> EntryKey {
        EntryKey::from_parts(&[n.to_string().as_bytes()])
    }

    #[test]
    fn a_key_is_remembered_until_its_time_is_over() {
        let now = Instant::now();
        let mut marks = HitForMiss::new(8);
        marks.remember(&key(1), now);
        assert!(marks.contains(&key(1), now + REMEMBERED_FOR - Duration::from_millis(1)));
        assert!(!marks.contains(&key(1), now + REMEMBERED_FOR));
        assert!(!marks.contains(&key(2), now));
    }

    #[test]
    fn an_answer_that_could_be_stored_ends_the_mark() {
        let now = Instant::now();
        let mut marks = HitForMiss::new(8);
        marks.remember(&key(1), now);
        marks.forget(&key(1));
        assert!(!marks.contains(&key(1), now));
        marks.remember(&key(1), now);
        assert!(marks.contains(&key(1), now));
    }

    #[test]
    fn the_memory_is_bounded_and_one_busy_key_does_not_push_the_others_out() {
        let now = Instant::now();
        let mut marks = HitForMiss::new(4);
        marks.remember(&key(0), now);
        for _ in 0..100 {
            marks.remember(&key(1), now);
        }
        assert!(marks.contains(&key(0), now));
        for n in 0..1000 {
            marks.remember(&key(n), now);
        }
        assert!(marks.order.len() <= 4 && marks.until.len() <= 4);
        assert!(marks.contains(&key(999), now));
    }

    #[test]
    fn what_has_expired_is_dropped() {
        let now = Instant::now();
        let mut marks = HitForMiss::new(100);
        (0..50).for_each(|n| marks.remember(&key(n), now));
        marks.remember(&key(99), now + REMEMBERED_FOR);
        assert_eq!((marks.order.len(), marks.until.len()), (1, 1));
    }
}
