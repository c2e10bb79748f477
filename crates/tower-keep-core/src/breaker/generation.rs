//! The generation: which stretch between two transitions a permit, a bucket or a cell belongs to.

/// Bits that a generation takes in the word and in every cell.
pub(super) const BITS: u32 = 17;
const MASK: u32 = (1 << BITS) - 1;

/// How far ahead another generation may be and still count as newer. What is further away was left behind so long
/// ago that the counter has come round, and would block its cell if it were believed.
const NEAR: u32 = 1024;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Generation(u32);

impl Generation {
    pub(super) const FIRST: Self = Self(0);

    /// Takes the low bits of a packed field.
    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits as u32 & MASK)
    }

    pub(super) const fn bits(self) -> u64 {
        self.0 as u64
    }

    pub(super) const fn next(self) -> Self {
        Self((self.0 + 1) & MASK)
    }

    pub(super) const fn is_newer_than(self, other: Self) -> bool {
        let ahead = self.0.wrapping_sub(other.0) & MASK;
        ahead != 0 && ahead <= NEAR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_survives_the_wrap() {
        let last = Generation(MASK);
        assert_eq!(last.next(), Generation::FIRST);
        assert!(Generation::FIRST.is_newer_than(last));
        assert!(!last.is_newer_than(Generation::FIRST));
        assert!(!last.is_newer_than(last));
    }

    #[test]
    fn a_cell_left_behind_by_half_the_range_is_not_taken_for_newer() {
        let ancient = Generation(0);
        assert!(!ancient.is_newer_than(Generation(1 << (BITS - 1))));
        assert!(!ancient.is_newer_than(Generation(70_000)));
    }
}
