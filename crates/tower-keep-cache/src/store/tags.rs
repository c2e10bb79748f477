//! The tags of a partition in this process.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::tag::TagId;

/// The time of a tag's latest invalidation. Entries hold the cells of their tags, so that a hit neither
/// hashes nor searches.
///
/// Read and written under the partition's lock only; atomic because it is shared, not because it races.
#[derive(Clone, Debug)]
pub(super) struct Cell(Arc<AtomicU64>);

/// Later than every stamp: an entry whose tag is missing fails the same comparison as one whose tag was
/// invalidated.
const MISSING: u64 = u64::MAX;

impl Cell {
    /// `None` if the tag is missing.
    pub(super) fn value(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|&value| value != MISSING)
    }

    /// Whether the tag exists and is below `stamp`.
    pub(super) fn is_below(&self, stamp: u64) -> bool {
        self.0.load(Ordering::Relaxed) < stamp
    }

    fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

#[derive(Debug)]
pub(super) struct Tags {
    cells: HashMap<TagId, Cell>,
    /// How many cells there may be before those without an entry are dropped.
    sweep_at: usize,
}

/// So many tags that no entry carries are kept at least: those of fills that run.
const SPARE: usize = 1024;

impl Tags {
    pub(super) fn new() -> Self {
        Self {
            cells: HashMap::new(),
            sweep_at: SPARE,
        }
    }

    /// R4: the tag's cell, made at `floor` if it is missing.
    pub(super) fn make(&mut self, tag: TagId, floor: u64) -> Cell {
        if self.cells.len() >= self.sweep_at {
            self.sweep();
        }
        let cell = self
            .cells
            .entry(tag)
            .or_insert_with(|| Cell(Arc::new(AtomicU64::new(MISSING))));
        if cell.value().is_none() {
            cell.set(floor);
        }
        cell.clone()
    }

    /// Raises the tag to `value`, if anybody ever cached something with it.
    pub(super) fn raise(&self, tag: TagId, value: u64) {
        let Some(cell) = self.cells.get(&tag) else {
            return;
        };
        if let Some(old) = cell.value() {
            cell.set(old.max(value));
        }
    }

    /// The tag's value, if there is one.
    pub(super) fn value(&self, tag: TagId) -> Option<u64> {
        self.cells.get(&tag)?.value()
    }

    /// Drops what no entry carries. Such a tag is made at the floor when it is needed again, which can
    /// cost a refused fill and never a stale one.
    fn sweep(&mut self) {
        self.cells.retain(|_, cell| cell.is_shared());
        self.sweep_at = 2 * self.cells.len() + SPARE;
    }

    #[cfg(test)]
    pub(super) fn values(&self) -> impl Iterator<Item = (TagId, u64)> {
        let value = |(&tag, cell): (&TagId, &Cell)| Some((tag, cell.value()?));
        self.cells.iter().filter_map(value)
    }

    /// What Redis does to a tag under memory pressure. The cell stays, as entries hold it.
    #[cfg(test)]
    pub(super) fn evict(&self, tag: TagId) {
        if let Some(cell) = self.cells.get(&tag) {
            cell.set(MISSING);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_without_an_entry_do_not_pile_up() {
        let mut tags = Tags::new();
        let kept = tags.make(TagId([255; 16]), 7);
        for number in 0..10 * SPARE as u128 {
            tags.make(TagId(number.to_be_bytes()), 0);
        }
        assert!(tags.cells.len() <= 2 * SPARE + 2, "{}", tags.cells.len());
        tags.raise(TagId([255; 16]), 9);
        assert_eq!(kept.value(), Some(9));
    }
}
