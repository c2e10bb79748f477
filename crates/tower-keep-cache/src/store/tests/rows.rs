//! What the rows of the world say, and what can be told from it.

use super::keep::{OWN, TAGS};
use crate::store::Found;

/// An entry that a filler has seen before its fill.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) key: usize,
    pub(super) found: Found,
}

impl Seen {
    /// Whether a handler that knows the rows by their content only would say so.
    pub(super) fn is_good(&self, key: usize, rows: [u8; TAGS]) -> bool {
        let same = |&tag: &usize| content(self.found.entry.body[tag]) == content(rows[tag]);
        self.key == key && OWN[key].iter().all(same)
    }
}

/// What a row says in this version: every other one says the same again.
pub(super) const fn content(version: u8) -> u8 {
    version % 2
}

/// The versions of all rows, as an entry's head says of which ones it is.
pub(super) fn packed(versions: [u8; TAGS]) -> u64 {
    versions
        .iter()
        .fold(0, |all, &version| all << 8 | u64::from(version))
}

pub(super) fn unpacked(all: u64) -> [u8; TAGS] {
    std::array::from_fn(|tag| (all >> (8 * (TAGS - 1 - tag))) as u8)
}
