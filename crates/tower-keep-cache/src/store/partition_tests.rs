//! What happens to a partition from outside, and what a test wants to see of it.

use super::{super::tags::Cell, *};

/// All that a partition holds, at one moment.
#[derive(Debug)]
pub(in crate::store) struct Image {
    record: Option<Record>,
    tags: Vec<(TagId, u64)>,
    leases: Vec<(EntryKey, Lease, u64)>,
    entries: Vec<(EntryKey, Kept)>,
}

impl Partition {
    pub(in crate::store) fn evict_record(&mut self) {
        self.record = None;
    }

    pub(in crate::store) fn evict_tag(&mut self, tag: TagId) {
        self.tags.evict(tag);
    }

    pub(in crate::store) fn evict_lease(&mut self, key: &EntryKey) {
        self.leases.remove(key);
    }

    pub(in crate::store) fn evict_entry(&mut self, key: &EntryKey) {
        self.shelf.remove(key);
    }

    pub(in crate::store) fn counters(&self) -> Option<[u64; 3]> {
        let record = self.record.as_ref()?;
        Some([record.epoch, record.clock, record.floor])
    }

    pub(in crate::store) fn tag_value(&self, tag: TagId) -> Option<u64> {
        self.tags.value(tag)
    }

    pub(in crate::store) fn image(&self) -> Image {
        let leases = self.leases.iter();
        Image {
            record: self.record.clone(),
            tags: self.tags.values().collect(),
            leases: leases
                .map(|(key, held)| (key.clone(), held.lease.clone(), held.expires_at))
                .collect(),
            entries: self
                .shelf
                .iter()
                .map(|(key, kept)| (key.clone(), copy(kept)))
                .collect(),
        }
    }

    pub(in crate::store) fn restore(&mut self, image: &Image) {
        *self = Self::new(1 << 20);
        self.record.clone_from(&image.record);
        for &(tag, value) in &image.tags {
            self.tags.make(tag, value);
        }
        for (key, lease, expires_at) in &image.leases {
            let held = Held {
                lease: lease.clone(),
                expires_at: *expires_at,
            };
            self.leases.insert(key.clone(), held);
        }
        for (key, kept) in &image.entries {
            let mut kept = copy(kept);
            kept.cells = kept
                .tags
                .iter()
                .map(|&tag| self.find_or_miss(tag))
                .collect();
            self.shelf.put(key, kept);
        }
    }

    fn find_or_miss(&mut self, tag: TagId) -> Cell {
        let missing = self.tags.value(tag).is_none();
        let cell = self.tags.make(tag, 0);
        if missing {
            self.tags.evict(tag);
        }
        cell
    }
}

fn copy(kept: &Kept) -> Kept {
    Kept {
        entry: Arc::clone(&kept.entry),
        tags: Arc::clone(&kept.tags),
        cells: kept.cells.clone(),
        revision: kept.revision,
        expires_at: kept.expires_at,
    }
}
