//! The window (G4): ten buckets, each one atomic `generation:17 | lap:17 | total:10 | failed:10 | slow:10`.
//!
//! Buckets are numbered through time; bucket `n` lives in slot `n % 10`, and the lap `n / 10` says which one it is.
//! Nothing rotates them: a writer replaces what is too old, a reader passes over it.

use std::time::Duration;

use super::atomic::{AtomicU64, Ordering};
use super::generation::{self, Generation};

const BUCKETS: usize = 10;

const COUNT_BITS: u32 = 10;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
const FAILED_SHIFT: u32 = COUNT_BITS;
const TOTAL_SHIFT: u32 = FAILED_SHIFT + COUNT_BITS;
const LAP_SHIFT: u32 = TOTAL_SHIFT + COUNT_BITS;
const LAP_BITS: u32 = 17;
const LAP_MASK: u32 = (1 << LAP_BITS) - 1;
const GENERATION_SHIFT: u32 = LAP_SHIFT + LAP_BITS;

/// How many laps ahead of the clock of a caller that was held up a bucket can be. One further ahead is from before
/// the laps came round.
const NEAR: i64 = 64;

#[derive(Debug)]
pub(super) struct Window {
    bucket_millis: u64,
    slots: [AtomicU64; BUCKETS],
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Call {
    Good,
    Slow,
    Failed,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Tally {
    pub(super) total: u32,
    pub(super) slow: u32,
    pub(super) failed: u32,
}

impl Window {
    /// The count that one bucket can always hold, whatever was halved: 2^(bits - 1).
    pub(super) const SURE: u16 = 1 << (COUNT_BITS - 1);

    pub(super) fn new(length: Duration) -> Self {
        let millis = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        let slots = std::array::from_fn(|_| AtomicU64::new(0));
        Self {
            bucket_millis: millis.div_ceil(BUCKETS as u64).max(1),
            slots,
        }
    }

    /// Counts a call. One load and one compare-and-swap, unless somebody else counts at the same moment.
    pub(super) fn add(&self, generation: Generation, call: Call, now: Duration) {
        let (slot, lap) = self.place(now);
        let slot = &self.slots[slot];
        let mut seen = slot.load(Ordering::Acquire);
        loop {
            let bucket = Bucket::unpack(seen);
            if bucket.generation.is_newer_than(generation) {
                return;
            }
            // A bucket ahead of this clock was begun by a caller with a later one. The call is counted there: to
            // replace it would lose all its counts to one late writer.
            let kept = bucket.generation == generation
                && (0..=NEAR).contains(&laps_ahead(bucket.lap, lap));
            let base = if kept {
                bucket
            } else {
                Bucket {
                    generation,
                    lap,
                    tally: Tally::default(),
                }
            };
            let next = Bucket {
                tally: base.tally.plus(call),
                ..base
            };
            match slot.compare_exchange_weak(seen, next.pack(), Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }

    /// What the calls of `generation` in the window add up to.
    pub(super) fn sum(&self, generation: Generation, now: Duration) -> Tally {
        let (now_slot, now_lap) = self.place(now);
        let mut sum = Tally::default();
        for (slot, bucket) in self.slots.iter().enumerate() {
            let bucket = Bucket::unpack(bucket.load(Ordering::Acquire));
            let laps = laps_ahead(bucket.lap, now_lap);
            // A slot that this lap has not come to yet still holds the one before.
            let recent = (0..=NEAR).contains(&laps) || (laps == -1 && slot > now_slot);
            if bucket.generation == generation && recent {
                sum.total += bucket.tally.total;
                sum.slow += bucket.tally.slow;
                sum.failed += bucket.tally.failed;
            }
        }
        sum
    }

    fn place(&self, now: Duration) -> (usize, u32) {
        let number = (now.as_secs() * 1000 + u64::from(now.subsec_millis())) / self.bucket_millis;
        (
            (number % BUCKETS as u64) as usize,
            (number / BUCKETS as u64) as u32 & LAP_MASK,
        )
    }
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    generation: Generation,
    lap: u32,
    tally: Tally,
}

impl Bucket {
    fn pack(self) -> u64 {
        (self.generation.bits() << GENERATION_SHIFT)
            | (u64::from(self.lap) << LAP_SHIFT)
            | (u64::from(self.tally.total) << TOTAL_SHIFT)
            | (u64::from(self.tally.failed) << FAILED_SHIFT)
            | u64::from(self.tally.slow)
    }

    fn unpack(bucket: u64) -> Self {
        Self {
            generation: Generation::from_bits(bucket >> GENERATION_SHIFT),
            lap: (bucket >> LAP_SHIFT) as u32 & LAP_MASK,
            tally: Tally {
                total: ((bucket >> TOTAL_SHIFT) & COUNT_MASK) as u32,
                failed: ((bucket >> FAILED_SHIFT) & COUNT_MASK) as u32,
                slow: (bucket & COUNT_MASK) as u32,
            },
        }
    }
}

impl Tally {
    /// One call more. A full bucket is halved first: the rates stay, and younger calls weigh more.
    fn plus(self, call: Call) -> Self {
        let mut tally = self;
        if u64::from(tally.total) == COUNT_MASK {
            tally = Self {
                total: tally.total / 2,
                slow: tally.slow / 2,
                failed: tally.failed / 2,
            };
        }
        tally.total += 1;
        match call {
            Call::Good => {}
            Call::Slow => tally.slow += 1,
            Call::Failed => tally.failed += 1,
        }
        tally
    }
}

const _: () = assert!(GENERATION_SHIFT + generation::BITS <= u64::BITS);

fn laps_ahead(lap: u32, other: u32) -> i64 {
    let distance = lap.wrapping_sub(other) << (32 - LAP_BITS);
    i64::from(distance as i32 >> (32 - LAP_BITS))
}

#[cfg(all(test, not(keep_loom)))]
mod tests {
    use super::*;

    const GENERATION: Generation = Generation::FIRST;
    const SECOND: Duration = Duration::from_secs(1);
    const LAP: Duration = Duration::from_secs(10);

    fn window() -> Window {
        Window::new(LAP)
    }

    fn total(window: &Window, generation: Generation, now: Duration) -> u32 {
        window.sum(generation, now).total
    }

    #[test]
    fn calls_leave_the_window_one_bucket_at_a_time() {
        let window = window();
        for second in 0..10 {
            window.add(GENERATION, Call::Good, SECOND * second);
        }
        for gone in 0..=10 {
            assert_eq!(total(&window, GENERATION, SECOND * (9 + gone)), 10 - gone);
        }
    }

    #[test]
    fn a_late_writer_does_not_wipe_a_newer_bucket() {
        let window = window();
        for _ in 0..7 {
            window.add(GENERATION, Call::Failed, LAP);
        }
        window.add(GENERATION, Call::Good, Duration::ZERO);
        assert_eq!(
            window.sum(GENERATION, LAP),
            Tally {
                total: 8,
                failed: 7,
                slow: 0
            }
        );
    }

    #[test]
    fn generations_do_not_mix() {
        let window = window();
        window.add(GENERATION, Call::Failed, SECOND);
        window.add(GENERATION.next(), Call::Good, SECOND);
        window.add(GENERATION, Call::Failed, SECOND);
        assert_eq!(total(&window, GENERATION, SECOND), 0);
        assert_eq!(
            window.sum(GENERATION.next(), SECOND),
            Tally {
                total: 1,
                failed: 0,
                slow: 0
            }
        );
    }

    #[test]
    fn a_full_bucket_keeps_its_rates() {
        let window = window();
        for call in 0..10_000 {
            let call = if call % 4 == 0 {
                Call::Failed
            } else {
                Call::Slow
            };
            window.add(GENERATION, call, SECOND);
        }
        let sum = window.sum(GENERATION, SECOND);
        assert!(sum.total >= u32::from(Window::SURE));
        let rate = f64::from(sum.failed) / f64::from(sum.total);
        assert!((0.24..0.26).contains(&rate), "{rate}");
    }

    #[test]
    fn a_bucket_from_long_ago_neither_counts_nor_blocks() {
        for laps in [2, 1000, 70_000, 131_000] {
            let window = window();
            window.add(GENERATION, Call::Failed, SECOND);
            let later = LAP * laps + SECOND;
            assert_eq!(total(&window, GENERATION, later), 0, "after {laps} laps");
            window.add(GENERATION, Call::Good, later);
            assert_eq!(total(&window, GENERATION, later), 1, "after {laps} laps");
        }
    }
}
