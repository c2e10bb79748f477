//! The one word (G1): `kind:3 | k:4 | generation:17 | at:28 | admitted:6 | succeeded:6`.

use super::generation::{self, Generation};
use super::tick::{self, Tick};
use super::transition::State;

const COUNT_BITS: u32 = 6;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
const K_BITS: u32 = 4;

const ADMITTED_SHIFT: u32 = COUNT_BITS;
const AT_SHIFT: u32 = ADMITTED_SHIFT + COUNT_BITS;
const GENERATION_SHIFT: u32 = AT_SHIFT + tick::BITS;
const K_SHIFT: u32 = GENERATION_SHIFT + generation::BITS;
const KIND_SHIFT: u32 = K_SHIFT + K_BITS;

/// The most probes that the word can count.
pub(super) const MAX_PROBES: u8 = COUNT_MASK as u8;
/// The most doublings of the open time that the word can count.
pub(super) const MAX_K: u8 = (1 << K_BITS) - 1;

/// The word taken apart. A change is made on a copy, which the machine then swaps in for the word that it loaded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Word {
    pub(super) kind: State,
    /// How often the open time has doubled.
    pub(super) k: u8,
    pub(super) generation: Generation,
    /// Open: until when. Half-open: the probes' deadline. Closed: since when.
    pub(super) at: Tick,
    /// Half-open: slots taken. Closed: the share of a call that the slow start still owes, in 64ths.
    pub(super) admitted: u8,
    /// Half-open: probes answered well. Closed: 1 during the slow start.
    pub(super) succeeded: u8,
}

impl Word {
    pub(super) const INITIAL: Self = Self {
        kind: State::Closed,
        k: 0,
        generation: Generation::FIRST,
        at: Tick::ZERO,
        admitted: 0,
        succeeded: 0,
    };

    pub(super) const fn pack(self) -> u64 {
        (self.kind.code() << KIND_SHIFT)
            | ((self.k as u64) << K_SHIFT)
            | (self.generation.bits() << GENERATION_SHIFT)
            | (self.at.bits() << AT_SHIFT)
            | ((self.admitted as u64) << ADMITTED_SHIFT)
            | self.succeeded as u64
    }

    pub(super) const fn unpack(word: u64) -> Self {
        Self {
            kind: State::from_code(word >> KIND_SHIFT),
            k: (word >> K_SHIFT) as u8 & MAX_K,
            generation: Generation::from_bits(word >> GENERATION_SHIFT),
            at: Tick::from_bits(word >> AT_SHIFT),
            admitted: (word >> ADMITTED_SHIFT) as u8 & MAX_PROBES,
            succeeded: word as u8 & MAX_PROBES,
        }
    }

    /// Probes that have not been answered yet.
    pub(super) const fn outstanding(self) -> u8 {
        self.admitted.saturating_sub(self.succeeded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_fields_fill_the_word() {
        assert_eq!(KIND_SHIFT + 3, u64::BITS);
    }

    proptest! {
        #[test]
        fn every_word_survives_packing(
            kind in 0_u64..6, k in 0..=MAX_K, generation: u64, at: u64,
            admitted in 0..=MAX_PROBES, succeeded in 0..=MAX_PROBES,
        ) {
            let word = Word {
                kind: State::from_code(kind),
                k,
                generation: Generation::from_bits(generation),
                at: Tick::from_bits(at),
                admitted,
                succeeded,
            };
            prop_assert_eq!(Word::unpack(word.pack()), word);
        }
    }
}
