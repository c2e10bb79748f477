//! The entries of a partition in this process, bounded by their bytes.

use std::{collections::VecDeque, sync::Arc};

use super::{answer::Revision, tags::Cell};
use crate::{
    entry::Entry,
    key::{EntryKey, KeyMap},
    tag::TagId,
};

/// An entry as stored, with what it takes to judge it.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) entry: Arc<Entry>,
    pub(super) tags: Arc<[TagId]>,
    pub(super) cells: Box<[Cell]>,
    pub(super) revision: Revision,
    /// When it goes, µs.
    pub(super) expires_at: u64,
}

/// Entries under a bound, replaced by CLOCK (Corbató 1968): first in, first out, but whoever was used
/// since the hand last passed gets another round. A hit sets one flag and moves nothing.
#[derive(Debug)]
pub(super) struct Shelf {
    slots: KeyMap<Slot>,
    /// The hand stands at the front. A number that is not its slot's any more belongs to an entry that
    /// was taken out.
    order: VecDeque<(EntryKey, u64)>,
    next: u64,
    bytes: usize,
    max_bytes: usize,
}

#[derive(Debug)]
struct Slot {
    kept: Kept,
    number: u64,
    size: usize,
    used: bool,
}

impl Shelf {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            slots: KeyMap::default(),
            order: VecDeque::new(),
            next: 0,
            bytes: 0,
            max_bytes,
        }
    }

    pub(super) fn find(&mut self, key: &EntryKey) -> Option<&Kept> {
        let slot = self.slots.get_mut(key)?;
        slot.used = true;
        Some(&slot.kept)
    }

    /// Whether this very entry is there.
    pub(super) fn holds(&self, key: &EntryKey, revision: Revision, now: u64) -> bool {
        self.slots
            .get(key)
            .is_some_and(|slot| slot.kept.revision == revision && slot.kept.expires_at > now)
    }

    pub(super) fn put(&mut self, key: &EntryKey, kept: Kept) {
        let size = kept.size() + 2 * key.size();
        let number = self.next;
        self.next += 1;
        let slot = Slot {
            kept,
            number,
            size,
            used: false,
        };
        self.bytes += size;
        if let Some(old) = self.slots.insert(key.clone(), slot) {
            self.bytes -= old.size;
        }
        self.order.push_back((key.clone(), number));
        self.make_room();
        if self.order.len() > 2 * self.slots.len() + 64 {
            self.forget_leavers();
        }
    }

    pub(super) fn remove(&mut self, key: &EntryKey) {
        if let Some(slot) = self.slots.remove(key) {
            self.bytes -= slot.size;
        }
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&EntryKey, &Kept)> {
        self.slots.iter().map(|(key, slot)| (key, &slot.kept))
    }

    fn make_room(&mut self) {
        while self.bytes > self.max_bytes {
            let Some((key, number)) = self.order.pop_front() else {
                return;
            };
            match self.slots.get_mut(&key) {
                Some(slot) if slot.number == number && slot.used => {
                    slot.used = false;
                    self.order.push_back((key, number));
                }
                Some(slot) if slot.number == number => self.remove(&key),
                _ => {}
            }
        }
    }

    fn forget_leavers(&mut self) {
        let slots = &self.slots;
        self.order
            .retain(|(key, number)| slots.get(key).is_some_and(|slot| slot.number == *number));
    }
}

impl Kept {
    fn size(&self) -> usize {
        size_of::<Slot>()
            + self.entry.size()
            + self.tags.len() * (size_of::<TagId>() + size_of::<Cell>())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::store::record::Nonce;

    fn key(number: u32) -> EntryKey {
        EntryKey::from_parts(&[&number.to_be_bytes()])
    }

    fn kept(length: usize) -> Kept {
        let body = Bytes::from(vec![0; length]);
        Kept {
            entry: Arc::new(Entry::value(0, 0, body, 0, Duration::ZERO)),
            tags: Arc::default(),
            cells: Box::default(),
            revision: Revision {
                incarnation: Nonce::new(0).incarnation(),
                stamp: 0,
            },
            expires_at: 0,
        }
    }

    #[test]
    fn the_bytes_stay_under_the_bound_and_what_is_used_stays() {
        let mut shelf = Shelf::new(64 * 1024);
        for number in 0..1000 {
            shelf.put(&key(number), kept(1024));
            shelf.find(&key(0));
            assert!(shelf.bytes <= 64 * 1024);
        }
        assert!(shelf.find(&key(0)).is_some());
        assert!(shelf.find(&key(1)).is_none());
        assert!(shelf.find(&key(999)).is_some());
        assert!(shelf.slots.len() > 30);
    }

    #[test]
    fn an_entry_larger_than_the_bound_leaves_nothing_behind() {
        let mut shelf = Shelf::new(1024);
        shelf.put(&key(1), kept(2048));
        assert!(shelf.find(&key(1)).is_none());
        assert_eq!(shelf.bytes, 0);
    }

    #[test]
    fn storing_one_key_for_ever_does_not_grow_the_order() {
        let mut shelf = Shelf::new(1 << 20);
        for _ in 0..10_000 {
            shelf.put(&key(1), kept(10));
            shelf.remove(&key(1));
            shelf.put(&key(1), kept(10));
        }
        assert!(shelf.order.len() <= 128, "{}", shelf.order.len());
        let size = shelf.slots[&key(1)].size;
        assert_eq!(shelf.bytes, size);
    }
}
