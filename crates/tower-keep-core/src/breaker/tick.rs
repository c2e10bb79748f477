//! Points in time as the word keeps them: 28 bits of 10 ms, compared serially (RFC 1982).

use std::time::Duration;

/// Bits that a tick takes in the word; the range comes round after 31 days.
pub(super) const BITS: u32 = 28;
const MASK: u32 = (1 << BITS) - 1;
const MILLIS: u32 = 10;

/// How old the `now` of a caller may be when it reaches the word. Without this allowance a caller that was held up
/// between its clock and the word would take a fresh deadline for one that lies too far ahead to be true.
const HELD_UP: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Tick(u32);

impl Tick {
    pub(super) const ZERO: Self = Self(0);

    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits as u32 & MASK)
    }

    pub(super) const fn bits(self) -> u64 {
        self.0 as u64
    }

    /// The tick that has begun by `now`.
    pub(super) const fn at(now: Duration) -> Self {
        let ticks = now.as_secs() * (1000 / MILLIS) as u64 + (now.subsec_millis() / MILLIS) as u64;
        Self(ticks as u32 & MASK)
    }

    /// The first tick that begins at `now` or later, so that a deadline is never early.
    pub(super) const fn by(now: Duration) -> Self {
        let begun = Self::at(now);
        if now.subsec_nanos() % (MILLIS * 1_000_000) == 0 {
            begun
        } else {
            Self((begun.0 + 1) & MASK)
        }
    }

    /// What is left until this tick; `None` once it is reached, or if more is left than `longest` allows: such a
    /// deadline is one from before the counter came round.
    pub(super) fn remaining(self, now: Duration, longest: Duration) -> Option<Duration> {
        let ahead = self.ahead_of(Self::at(now));
        let ticks = u32::try_from(ahead).ok().filter(|&ticks| ticks > 0)?;
        let begun = Duration::from_nanos(u64::from(now.subsec_nanos() % (MILLIS * 1_000_000)));
        let left = Duration::from_millis(u64::from(ticks) * u64::from(MILLIS)) - begun;
        (left <= longest + HELD_UP).then_some(left)
    }

    /// What has passed since this tick; zero for a caller whose clock was read before it.
    pub(super) fn elapsed(self, now: Duration) -> Duration {
        let behind = -self.ahead_of(Self::at(now));
        Duration::from_millis(u64::try_from(behind).unwrap_or(0) * u64::from(MILLIS))
    }

    /// The later of two, so that a caller who was held up cannot move a deadline back.
    pub(super) const fn max(self, other: Self) -> Self {
        if other.ahead_of(self) > 0 {
            other
        } else {
            self
        }
    }

    const fn ahead_of(self, other: Self) -> i32 {
        let distance = self.0.wrapping_sub(other.0) << (32 - BITS);
        distance as i32 >> (32 - BITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_deadline_is_never_early_and_less_than_a_tick_late() {
        for millis in 0..50 {
            let now = Duration::from_micros(millis * 1000 + 1);
            let left = Tick::by(now + MINUTE).remaining(now, MINUTE).unwrap();
            assert!(
                left >= MINUTE && left < MINUTE + Duration::from_millis(10),
                "{left:?}"
            );
        }
    }

    #[test]
    fn a_deadline_holds_across_the_wrap() {
        let wrap = Duration::from_millis(10 << BITS);
        let now = wrap - Duration::from_secs(1);
        let deadline = Tick::by(now + MINUTE);
        assert_eq!(deadline.remaining(now, MINUTE), Some(MINUTE));
        assert_eq!(deadline.remaining(now + MINUTE, MINUTE), None);
    }

    #[test]
    fn a_deadline_from_before_the_wrap_counts_as_passed() {
        let deadline = Tick::by(MINUTE);
        for days in [1, 10, 16, 20, 30] {
            assert_eq!(
                deadline.remaining(DAY * days, MINUTE),
                None,
                "after {days} days"
            );
        }
    }

    #[test]
    fn a_caller_that_was_held_up_still_waits() {
        let deadline = Tick::by(MINUTE * 2);
        let before = MINUTE - Duration::from_secs(5);
        assert!(deadline.remaining(before, MINUTE).is_some());
    }
}
