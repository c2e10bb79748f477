//! The machine: loads the word, asks the steps, swaps the word.

use std::fmt;
use std::time::Duration;

use super::atomic::{AtomicU64, Ordering};
use super::config::{BreakerConfig, ConfigError};
use super::consecutive::Consecutive;
use super::generation::Generation;
use super::outcome::Outcome;
use super::permit::{Permit, Refused};
use super::stall::Stall;
use super::transition::{Cause, State, Transition};
use super::window::{Call, Window};
use super::word::Word;

/// A circuit breaker without a clock. Shared by reference; no method waits.
///
/// `now` is the time since a start of the owner's choosing, read from a monotonic clock just before the call. A
/// caller that is held up between the two does no harm: a deadline moves forward only, and a late count joins the
/// bucket that is newest in its place.
///
/// A call that passes while closed costs one load at its admission, and one load and one compare-and-swap when it
/// succeeds (one more at each end with [`stall_after`](BreakerConfig::stall_after)).
pub struct StateMachine {
    pub(super) config: BreakerConfig,
    word: AtomicU64,
    window: Window,
    consecutive: Consecutive,
    pub(super) stall: Stall,
}

impl StateMachine {
    /// A closed breaker.
    ///
    /// # Errors
    ///
    /// If a setting cannot work; the error names it.
    pub fn new(config: BreakerConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            word: AtomicU64::new(Word::INITIAL.pack()),
            window: Window::new(config.window),
            consecutive: Consecutive::new(),
            stall: Stall::new(),
            config,
        })
    }

    /// The state. It stays [`Open`](State::Open) after the open time until somebody is admitted as a probe.
    #[must_use]
    pub fn state(&self) -> State {
        self.load().kind
    }

    /// Whether calls that are no probes pass: closed, forced closed or dry run. One atomic load.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(
            self.state(),
            State::Closed | State::ForcedClosed | State::DryRun
        )
    }

    /// Admits a call, as a probe if the open time is over.
    ///
    /// # Errors
    ///
    /// [`Refused`] while open, while all probes are out, and for some calls during a slow start.
    pub fn admit(&self, now: Duration) -> Result<Permit, Refused> {
        self.enter(now, true)
    }

    /// Admits a call only if it would be no probe, for calls that must not pay for finding out. Somebody else, a
    /// background prober, calls [`admit`](Self::admit).
    ///
    /// # Errors
    ///
    /// [`Refused`] while open or half-open, and for some calls during a slow start.
    pub fn admit_if_closed(&self, now: Duration) -> Result<Permit, Refused> {
        self.enter(now, false)
    }

    /// Gives a permit back. The transition, if this outcome caused one, is reported to this caller only.
    ///
    /// An outcome whose call was admitted before the last transition changes nothing (G3).
    pub fn record(&self, permit: Permit, outcome: Outcome, now: Duration) -> Option<Transition> {
        if permit.watched {
            self.stall
                .finish(permit.generation, outcome.is_answer(), now);
        }
        loop {
            let word = self.load();
            if word.generation != permit.generation {
                return None;
            }
            match word.kind {
                State::Closed | State::DryRun => {
                    return self.count(permit.generation, outcome, now);
                }
                State::HalfOpen if word.outstanding() > 0 => {
                    let next = match outcome {
                        Outcome::Success | Outcome::Neutral => {
                            word.probe_succeeded(&self.config, now)
                        }
                        Outcome::Dropped => word.probe_dropped(),
                        Outcome::Slow | Outcome::Failure => word.opened(&self.config, now),
                    };
                    if self.swap(word, next) {
                        let cause = if next.kind == State::Open {
                            Cause::ProbeFailed
                        } else {
                            Cause::Recovered
                        };
                        return (next.kind != word.kind).then_some(Transition {
                            from: word.kind,
                            to: next.kind,
                            cause,
                        });
                    }
                }
                _ => return None,
            }
        }
    }

    /// What a good answer at `now` is: [`Slow`](Outcome::Slow) from the time on that
    /// [`slow_calls`](BreakerConfig::slow_calls) names, else [`Success`](Outcome::Success). To be asked when the
    /// answer begins; a stream may be recorded much later.
    #[must_use]
    pub fn answered(&self, permit: &Permit, now: Duration) -> Outcome {
        match self.config.slow_calls {
            Some(slow) if now.saturating_sub(permit.started) >= slow.after => Outcome::Slow,
            _ => Outcome::Success,
        }
    }

    /// Opens if calls are in flight and none was answered for too long, or if probes are past their deadline: what
    /// an admission would notice, for a watchdog that does not want to wait for one.
    pub fn check_stall(&self, now: Duration) -> Option<Transition> {
        let word = self.load();
        match word.kind {
            State::Closed | State::DryRun if self.is_stalled(word, now) => {
                self.open(word.generation, Cause::Stall, now)
            }
            State::HalfOpen if self.is_probe_late(word, now) => {
                self.open(word.generation, Cause::ProbeTimeout, now)
            }
            _ => None,
        }
    }

    /// Opens because the owner knows better than the counts. Does nothing while open or forced.
    pub fn trip(&self, cause: Cause, now: Duration) -> Option<Transition> {
        loop {
            let word = self.load();
            let next = self.tripped(word, now)?;
            if self.swap(word, next) {
                return Some(Transition {
                    from: word.kind,
                    to: next.kind,
                    cause,
                });
            }
        }
    }

    /// Refuses all calls until [`reset`](Self::reset).
    pub fn force_open(&self) -> Option<Transition> {
        self.order(State::ForcedOpen)
    }

    /// Lets all calls pass, uncounted, until [`reset`](Self::reset).
    pub fn force_closed(&self) -> Option<Transition> {
        self.order(State::ForcedClosed)
    }

    /// Lets all calls pass and counts them; what would have opened it is reported as a transition from dry run to
    /// dry run, and the counts start over.
    pub fn dry_run(&self) -> Option<Transition> {
        self.order(State::DryRun)
    }

    /// Closes, with nothing remembered: the way back from the forced states, the dry run, or an open time.
    pub fn reset(&self) -> Option<Transition> {
        self.order(State::Closed)
    }

    fn count(&self, generation: Generation, outcome: Outcome, now: Duration) -> Option<Transition> {
        let call = match outcome {
            Outcome::Success => Call::Good,
            Outcome::Slow => Call::Slow,
            Outcome::Failure => Call::Failed,
            Outcome::Neutral | Outcome::Dropped => return None,
        };
        if self.has_rates() {
            self.window.add(generation, call, now);
        }
        let run = match self.config.consecutive_failures {
            Some(limit) if call == Call::Failed => {
                self.consecutive.fail(generation) >= u32::from(limit)
            }
            Some(_) => {
                self.consecutive.succeed(generation);
                false
            }
            None => false,
        };
        let cause = match call {
            Call::Good => None,
            _ if run => Some(Cause::ConsecutiveFailures),
            _ => self.rate_too_high(generation, now),
        };
        self.open(generation, cause?, now)
    }

    fn has_rates(&self) -> bool {
        self.config.failure_rate.is_some() || self.config.slow_calls.is_some()
    }

    fn rate_too_high(&self, generation: Generation, now: Duration) -> Option<Cause> {
        if !self.has_rates() {
            return None;
        }
        let sum = self.window.sum(generation, now);
        if sum.total < u32::from(self.config.minimum_calls) {
            return None;
        }
        let share = |part: u32| f64::from(part) / f64::from(sum.total);
        if self
            .config
            .failure_rate
            .is_some_and(|rate| share(sum.failed) >= rate)
        {
            Some(Cause::FailureRate)
        } else if self
            .config
            .slow_calls
            .is_some_and(|slow| share(sum.slow + sum.failed) >= slow.rate)
        {
            Some(Cause::SlowCalls)
        } else {
            None
        }
    }

    pub(super) fn is_stalled(&self, word: Word, now: Duration) -> bool {
        self.config
            .stall_after
            .is_some_and(|silence| self.stall.is_stalled(word.generation, silence, now))
    }

    pub(super) fn is_probe_late(&self, word: Word, now: Duration) -> bool {
        word.outstanding() > 0 && word.at.remaining(now, self.config.probe_deadline).is_none()
    }

    /// The word after a trip, if a trip changes anything in this state.
    pub(super) fn tripped(&self, word: Word, now: Duration) -> Option<Word> {
        match word.kind {
            State::Closed | State::HalfOpen => Some(word.opened(&self.config, now)),
            State::DryRun => Some(word.ordered(State::DryRun)),
            State::Open | State::ForcedOpen | State::ForcedClosed => None,
        }
    }

    /// Opens unless `generation` is over. Tries again when only a count in the word has changed.
    fn open(&self, generation: Generation, cause: Cause, now: Duration) -> Option<Transition> {
        loop {
            let word = self.load();
            let next = self
                .tripped(word, now)
                .filter(|_| word.generation == generation)?;
            if self.swap(word, next) {
                return Some(Transition {
                    from: word.kind,
                    to: next.kind,
                    cause,
                });
            }
        }
    }

    fn order(&self, kind: State) -> Option<Transition> {
        loop {
            let word = self.load();
            if self.swap(word, word.ordered(kind)) {
                let transition = Transition {
                    from: word.kind,
                    to: kind,
                    cause: Cause::Ordered,
                };
                return (word.kind != kind).then_some(transition);
            }
        }
    }

    pub(super) fn load(&self) -> Word {
        Word::unpack(self.word.load(Ordering::Acquire))
    }

    pub(super) fn swap(&self, seen: Word, next: Word) -> bool {
        self.word
            .compare_exchange(
                seen.pack(),
                next.pack(),
                Ordering::AcqRel,
                Ordering::Acquire,
            )
            .is_ok()
    }
}

impl fmt::Debug for StateMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateMachine")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
