//! The run of consecutive failures (G5): `generation:17 | count:15` in one atomic.

use super::atomic::{AtomicU32, Ordering};
use super::generation::Generation;

const COUNT_BITS: u32 = 15;
const COUNT_MASK: u32 = (1 << COUNT_BITS) - 1;

#[derive(Debug)]
pub(super) struct Consecutive(AtomicU32);

impl Consecutive {
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(pack(Generation::FIRST, 0)))
    }

    /// Counts a failure of `generation` and returns the length of the run; 0 if the cell has moved on.
    pub(super) fn fail(&self, generation: Generation) -> u32 {
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            let (owner, count) = unpack(seen);
            if owner.is_newer_than(generation) {
                return 0;
            }
            let count = if owner == generation {
                (count + 1).min(COUNT_MASK)
            } else {
                1
            };
            match self.0.compare_exchange_weak(
                seen,
                pack(generation, count),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return count,
                Err(now) => seen = now,
            }
        }
    }

    /// Ends the run of `generation`. While there is none, this is one load.
    pub(super) fn succeed(&self, generation: Generation) {
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            let (owner, count) = unpack(seen);
            if owner != generation || count == 0 {
                return;
            }
            match self.0.compare_exchange_weak(
                seen,
                pack(generation, 0),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }
}

fn pack(generation: Generation, count: u32) -> u32 {
    ((generation.bits() as u32) << COUNT_BITS) | count
}

fn unpack(cell: u32) -> (Generation, u32) {
    (
        Generation::from_bits(u64::from(cell >> COUNT_BITS)),
        cell & COUNT_MASK,
    )
}

#[cfg(all(test, not(keep_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_success_ends_the_run() {
        let run = Consecutive::new();
        let generation = Generation::FIRST;
        assert_eq!((run.fail(generation), run.fail(generation)), (1, 2));
        run.succeed(generation);
        assert_eq!(run.fail(generation), 1);
    }

    #[test]
    fn a_new_generation_starts_a_new_run_and_an_older_one_cannot_touch_it() {
        let run = Consecutive::new();
        let old = Generation::FIRST;
        assert_eq!((run.fail(old), run.fail(old)), (1, 2));
        assert_eq!(run.fail(old.next()), 1);
        assert_eq!(run.fail(old), 0);
        run.succeed(old);
        assert_eq!(run.fail(old.next()), 2);
    }

    #[test]
    fn the_count_does_not_run_into_the_generation() {
        let run = Consecutive(AtomicU32::new(pack(Generation::FIRST.next(), COUNT_MASK)));
        assert_eq!(run.fail(Generation::FIRST.next()), COUNT_MASK);
        assert_eq!(run.fail(Generation::FIRST), 0);
    }
}
