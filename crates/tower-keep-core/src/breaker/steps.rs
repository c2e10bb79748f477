//! The steps from one word to the next, each a pure function of word, settings and time.

use std::time::Duration;

use super::config::BreakerConfig;
use super::jitter;
use super::tick::Tick;
use super::transition::State;
use super::word::{MAX_K, Word};

/// The slow start counts in 64ths of a call, in the bits that half-open uses for its slots.
const WHOLE: u8 = 64;
/// The share that a slow start begins with.
const FIRST_SHARE: f64 = 0.1;

/// What the slow start does with one call.
#[derive(Clone, Copy, Debug)]
pub(super) enum SlowStart {
    Pass(Word),
    Refuse(Word, Duration),
    Over(Word),
}

impl Word {
    /// Opens, for longer if the probes have failed, and for the first time again if it was closed long enough.
    pub(super) fn opened(self, config: &BreakerConfig, now: Duration) -> Self {
        let k = match self.kind {
            State::HalfOpen => (self.k + 1).min(MAX_K),
            _ if self.is_stable(config, now) => 0,
            _ => self.k,
        };
        let generation = self.generation.next();
        let open_time =
            config.open_time(k, jitter::fraction(config.jitter_seed, generation.bits()));
        Self {
            kind: State::Open,
            k,
            generation,
            at: Tick::by(now + open_time),
            admitted: 0,
            succeeded: 0,
        }
    }

    /// Half-opens with its caller as the first probe: nobody else can take the slot that the step made (G7).
    pub(super) fn half_opened(self, config: &BreakerConfig, now: Duration) -> Self {
        Self {
            kind: State::HalfOpen,
            generation: self.generation.next(),
            at: Tick::by(now + config.probe_deadline),
            admitted: 1,
            succeeded: 0,
            ..self
        }
    }

    /// Takes a slot. The deadline starts with the first probe out, not with the cycle (G8): a trickle of healthy
    /// answers would otherwise never add up to enough of them.
    pub(super) fn probe_admitted(self, config: &BreakerConfig, now: Duration) -> Self {
        let at = if self.outstanding() == 0 {
            Tick::by(now + config.probe_deadline)
        } else {
            self.at
        };
        Self {
            admitted: self.admitted + 1,
            at,
            ..self
        }
    }

    /// Returns a slot whose call nobody waited for.
    pub(super) const fn probe_dropped(self) -> Self {
        Self {
            admitted: self.admitted - 1,
            ..self
        }
    }

    /// Counts a success, which renews the deadline of the others (G8) or closes.
    pub(super) fn probe_succeeded(self, config: &BreakerConfig, now: Duration) -> Self {
        let succeeded = self.succeeded + 1;
        if succeeded < config.successes {
            let at = self.at.max(Tick::by(now + config.probe_deadline));
            return Self {
                succeeded,
                at,
                ..self
            };
        }
        Self {
            kind: State::Closed,
            generation: self.generation.next(),
            at: Tick::at(now),
            // All but one 64th of a call is owed, so that the first one passes.
            admitted: if config.slow_start.is_some() {
                WHOLE - 1
            } else {
                0
            },
            succeeded: u8::from(config.slow_start.is_some()),
            ..self
        }
    }

    /// Enters a state that somebody ordered, or starts a dry run over; nothing is remembered.
    pub(super) const fn ordered(self, kind: State) -> Self {
        Self {
            kind,
            generation: self.generation.next(),
            ..Self::INITIAL
        }
    }

    /// Whether the doublings of the open time are to be forgotten.
    pub(super) fn is_stable(self, config: &BreakerConfig, now: Duration) -> bool {
        self.at.elapsed(now) >= config.stable_for
    }

    /// Whether the slow start or the doublings still need the time since which it is closed. What is over is taken
    /// out of the word, for that time comes round.
    pub(super) const fn is_settled(self) -> bool {
        self.k == 0 && self.succeeded == 0
    }

    /// The word without its doublings once they are to be forgotten.
    pub(super) fn settled(self, config: &BreakerConfig, now: Duration) -> Option<Self> {
        (self.k > 0 && self.is_stable(config, now)).then_some(Self { k: 0, ..self })
    }

    /// Lets a growing share of the calls pass, evenly spread: each brings its share of a call, and those that make
    /// one whole pass. `None` outside a slow start.
    pub(super) fn slow_start(self, config: &BreakerConfig, now: Duration) -> Option<SlowStart> {
        let length = config.slow_start.filter(|_| self.succeeded != 0)?;
        let elapsed = self.at.elapsed(now);
        if elapsed >= length {
            return Some(SlowStart::Over(Self {
                admitted: 0,
                succeeded: 0,
                ..self
            }));
        }
        let grown = elapsed.as_secs_f64() / length.as_secs_f64();
        let share = (f64::from(WHOLE) * (FIRST_SHARE + (1.0 - FIRST_SHARE) * grown)) as u8;
        let owed = self.admitted + share;
        let next = Self {
            admitted: owed % WHOLE,
            ..self
        };
        Some(if owed >= WHOLE {
            SlowStart::Pass(next)
        } else {
            SlowStart::Refuse(next, length - elapsed)
        })
    }
}
