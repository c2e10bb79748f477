//! The invalidations that Redis has not acknowledged, in order. Pure.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use tokio::time::Instant;

use crate::tag::TagId;

/// So many invalidations wait at most; one more, and they become a flush, which says no less.
pub(super) const CAPACITY: usize = 1024;
/// The same for the tags of all of them together: 1 MiB.
const TAGS: usize = 1 << 16;

/// What was asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Invalidation {
    Tags(Arc<[TagId]>),
    Flush,
}

impl Invalidation {
    fn tags(&self) -> usize {
        match self {
            Self::Tags(tags) => tags.len(),
            Self::Flush => 0,
        }
    }
}

/// What may neither be served nor stored while invalidations are pending.
#[derive(Debug, Default)]
pub(crate) struct Blocked {
    all: bool,
    tags: HashSet<TagId>,
}

impl Blocked {
    /// Whether an entry with these tags is concerned.
    pub(crate) fn covers(&self, tags: &[TagId]) -> bool {
        self.all || tags.iter().any(|tag| self.tags.contains(tag))
    }
}

#[derive(Debug)]
struct Entry {
    number: u64,
    invalidation: Invalidation,
    since: Instant,
}

/// The queue. Every invalidation has a number, so that an answer that comes after the queue has collapsed
/// does not acknowledge something else.
#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: VecDeque<Entry>,
    last: u64,
}

impl Queue {
    pub(super) fn push(&mut self, invalidation: Invalidation, now: Instant) {
        self.add(invalidation, now);
        let entries = self.entries.iter();
        let tags: usize = entries.map(|entry| entry.invalidation.tags()).sum();
        let last = self.entries.back().map(|entry| &entry.invalidation);
        if last == Some(&Invalidation::Flush) || self.entries.len() > CAPACITY || tags > TAGS {
            // It stands for the oldest of them.
            let since = self.oldest().unwrap_or(now);
            self.entries.clear();
            self.add(Invalidation::Flush, since);
        }
    }

    pub(super) fn front(&self) -> Option<(u64, Invalidation)> {
        let front = self.entries.front()?;
        Some((front.number, front.invalidation.clone()))
    }

    /// Since when the oldest has been waiting.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.entries.front().map(|entry| entry.since)
    }

    pub(super) fn acknowledge(&mut self, number: u64) {
        let front = self.entries.front();
        if front.is_some_and(|front| front.number == number) {
            self.entries.pop_front();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn blocked(&self) -> Blocked {
        let mut blocked = Blocked::default();
        for entry in &self.entries {
            match &entry.invalidation {
                Invalidation::Tags(tags) => blocked.tags.extend(tags.iter().copied()),
                Invalidation::Flush => blocked.all = true,
            }
        }
        blocked
    }

    fn add(&mut self, invalidation: Invalidation, since: Instant) {
        self.last += 1;
        self.entries.push_back(Entry {
            number: self.last,
            invalidation,
            since,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::Tag;

    fn tags(names: &[&str]) -> Arc<[TagId]> {
        names.iter().map(|name| Tag::from(*name).id()).collect()
    }

    #[test]
    fn pending_tags_are_blocked_until_each_is_acknowledged() {
        let mut queue = Queue::default();
        queue.push(Invalidation::Tags(tags(&["a", "b"])), Instant::now());
        queue.push(Invalidation::Tags(tags(&["b", "c"])), Instant::now());
        assert!(queue.blocked().covers(&tags(&["x", "a"])));
        assert!(!queue.blocked().covers(&tags(&["x"])));
        let (number, front) = queue.front().unwrap();
        assert_eq!(front, Invalidation::Tags(tags(&["a", "b"])));
        queue.acknowledge(number);
        assert!(!queue.blocked().covers(&tags(&["a"])));
        assert!(
            queue.blocked().covers(&tags(&["b"])),
            "the second one still holds it"
        );
    }

    #[test]
    fn a_flush_blocks_everything_and_stands_for_what_waited_before_it() {
        let mut queue = Queue::default();
        queue.push(Invalidation::Tags(tags(&["a"])), Instant::now());
        queue.push(Invalidation::Flush, Instant::now());
        assert_eq!(queue.len(), 1);
        assert!(queue.blocked().covers(&[]), "an entry without tags as well");
        queue.push(Invalidation::Tags(tags(&["a"])), Instant::now());
        assert_eq!(queue.len(), 2, "what comes after it is retried after it");
    }

    #[test]
    fn a_full_queue_becomes_a_flush_and_a_late_answer_does_not_acknowledge_it() {
        let mut queue = Queue::default();
        for n in 0..CAPACITY {
            queue.push(Invalidation::Tags(tags(&[&n.to_string()])), Instant::now());
        }
        let (sent, _) = queue.front().unwrap();
        assert!(!queue.blocked().covers(&tags(&["other"])));
        queue.push(Invalidation::Tags(tags(&["one too many"])), Instant::now());
        assert_eq!(queue.len(), 1);
        queue.acknowledge(sent);
        assert_eq!(queue.len(), 1);
        assert!(queue.blocked().covers(&tags(&["other"])));
    }

    #[test]
    fn a_few_invalidations_of_very_many_tags_become_a_flush_too() {
        let mut queue = Queue::default();
        let many = Invalidation::Tags(vec![tags(&["a"])[0]; TAGS / 2].into());
        queue.push(many.clone(), Instant::now());
        queue.push(many.clone(), Instant::now());
        assert!(!queue.blocked().covers(&tags(&["other"])));
        queue.push(many, Instant::now());
        assert!(queue.blocked().covers(&tags(&["other"])));
    }

    #[test]
    fn the_age_of_the_oldest_outlives_its_becoming_a_flush() {
        let mut queue = Queue::default();
        let start = Instant::now();
        let later = start + std::time::Duration::from_secs(1);
        assert_eq!(queue.oldest(), None);
        queue.push(Invalidation::Tags(tags(&["a"])), start);
        queue.push(Invalidation::Flush, later);
        assert_eq!(queue.oldest(), Some(start));
        let (number, _) = queue.front().unwrap();
        queue.push(Invalidation::Tags(tags(&["b"])), later);
        queue.acknowledge(number);
        assert_eq!(queue.oldest(), Some(later));
    }
}
