//! The stall cell (G6): `generation:17 | in flight:16 | since:31` in one atomic, `since` in milliseconds.

use std::time::Duration;

use super::atomic::{AtomicU64, Ordering};
use super::generation::Generation;

const SINCE_BITS: u32 = 31;
const SINCE_MASK: u64 = (1 << SINCE_BITS) - 1;
const FLIGHT_BITS: u32 = 16;
const FLIGHT_MASK: u64 = (1 << FLIGHT_BITS) - 1;

/// Calls in flight, and since when none of them has been answered.
#[derive(Debug)]
pub(super) struct Stall(AtomicU64);

#[derive(Clone, Copy, Debug)]
struct Cell {
    generation: Generation,
    in_flight: u64,
    since: Millis,
}

impl Stall {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(pack(Cell {
            generation: Generation::FIRST,
            in_flight: 0,
            since: Millis(0),
        })))
    }

    /// Counts a call of `generation` in. `false` if the cell does not count it: it has moved on, or is full.
    pub(super) fn start(&self, generation: Generation, now: Duration) -> bool {
        self.update(|cell| {
            if cell.generation.is_newer_than(generation) {
                None
            } else if cell.generation != generation || cell.in_flight == 0 {
                Some(Cell {
                    generation,
                    in_flight: 1,
                    since: Millis::at(now),
                })
            } else if cell.in_flight == FLIGHT_MASK {
                None
            } else {
                Some(Cell {
                    in_flight: cell.in_flight + 1,
                    ..cell
                })
            }
        })
    }

    /// Counts a call out that was counted in. Only an answer is progress: calls that are dropped one after the other
    /// must not hide that nothing is answered.
    pub(super) fn finish(&self, generation: Generation, answered: bool, now: Duration) {
        self.update(|cell| {
            if cell.generation != generation || cell.in_flight == 0 {
                return None;
            }
            let since = if answered {
                cell.since.max(Millis::at(now))
            } else {
                cell.since
            };
            Some(Cell {
                in_flight: cell.in_flight - 1,
                since,
                ..cell
            })
        });
    }

    /// Whether calls of `generation` are in flight and none has been answered for `silence`.
    pub(super) fn is_stalled(
        &self,
        generation: Generation,
        silence: Duration,
        now: Duration,
    ) -> bool {
        let cell = unpack(self.0.load(Ordering::Acquire));
        cell.generation == generation && cell.in_flight > 0 && cell.since.elapsed(now) >= silence
    }

    fn update(&self, change: impl Fn(Cell) -> Option<Cell>) -> bool {
        let mut seen = self.0.load(Ordering::Acquire);
        while let Some(cell) = change(unpack(seen)) {
            match self.0.compare_exchange_weak(
                seen,
                pack(cell),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }
}

/// 31 bits of milliseconds, compared serially: the range comes round after 24 days.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Millis(u32);

impl Millis {
    fn at(now: Duration) -> Self {
        let millis = now.as_secs() * 1000 + u64::from(now.subsec_millis());
        Self((millis & SINCE_MASK) as u32)
    }

    fn elapsed(self, now: Duration) -> Duration {
        let passed = Self::at(now).ahead_of(self);
        Duration::from_millis(u64::try_from(passed).unwrap_or(0))
    }

    fn max(self, other: Self) -> Self {
        if other.ahead_of(self) > 0 {
            other
        } else {
            self
        }
    }

    fn ahead_of(self, other: Self) -> i32 {
        let distance = self.0.wrapping_sub(other.0) << (32 - SINCE_BITS);
        distance as i32 >> (32 - SINCE_BITS)
    }
}

fn pack(cell: Cell) -> u64 {
    (cell.generation.bits() << (FLIGHT_BITS + SINCE_BITS))
        | (cell.in_flight << SINCE_BITS)
        | u64::from(cell.since.0)
}

fn unpack(cell: u64) -> Cell {
    Cell {
        generation: Generation::from_bits(cell >> (FLIGHT_BITS + SINCE_BITS)),
        in_flight: (cell >> SINCE_BITS) & FLIGHT_MASK,
        since: Millis((cell & SINCE_MASK) as u32),
    }
}

#[cfg(all(test, not(keep_loom)))]
mod tests {
    use super::*;

    const GENERATION: Generation = Generation::FIRST;
    const SILENCE: Duration = Duration::from_millis(25);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn silence_counts_from_the_first_call_and_from_each_answer() {
        let stall = Stall::new();
        assert!(
            !stall.is_stalled(GENERATION, SILENCE, ms(1000)),
            "nothing is in flight"
        );
        assert!(stall.start(GENERATION, ms(1000)) && stall.start(GENERATION, ms(1020)));
        assert!(!stall.is_stalled(GENERATION, SILENCE, ms(1024)));
        assert!(stall.is_stalled(GENERATION, SILENCE, ms(1025)));
        stall.finish(GENERATION, true, ms(1030));
        assert!(!stall.is_stalled(GENERATION, SILENCE, ms(1054)));
        assert!(stall.is_stalled(GENERATION, SILENCE, ms(1055)));
    }

    #[test]
    fn dropped_calls_do_not_hide_a_stall() {
        let stall = Stall::new();
        stall.start(GENERATION, ms(0));
        for at in [5, 10, 15, 20] {
            stall.start(GENERATION, ms(at));
            stall.finish(GENERATION, false, ms(at + 1));
        }
        assert!(stall.is_stalled(GENERATION, SILENCE, ms(25)));
    }

    #[test]
    fn a_late_clock_does_not_move_since_back() {
        let stall = Stall::new();
        stall.start(GENERATION, ms(100));
        stall.start(GENERATION, ms(100));
        stall.start(GENERATION, ms(100));
        stall.finish(GENERATION, true, ms(200));
        stall.finish(GENERATION, true, ms(150));
        assert!(!stall.is_stalled(GENERATION, SILENCE, ms(224)));
    }

    #[test]
    fn another_generation_changes_nothing() {
        let stall = Stall::new();
        stall.start(GENERATION, ms(0));
        assert!(
            stall.start(GENERATION.next(), ms(100)),
            "an older cell is replaced"
        );
        stall.finish(GENERATION, true, ms(110));
        assert!(
            !stall.start(GENERATION, ms(110)),
            "and its owner cannot come back"
        );
        assert!(stall.is_stalled(GENERATION.next(), SILENCE, ms(125)));
    }

    #[test]
    fn a_full_cell_does_not_count() {
        let stall = Stall::new();
        assert!((0..FLIGHT_MASK).all(|_| stall.start(GENERATION, ms(0))));
        assert!(!stall.start(GENERATION, ms(0)));
    }
}
