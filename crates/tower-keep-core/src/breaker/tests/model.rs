//! The breaker once more, written to be read: a log of all calls, whole numbers, no bits, no atomics.

use std::time::Duration;

use super::{Outcome, State, at};

/// The settings that the model and the machine share; see `config` in `properties` for the machine's side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) consecutive: Option<u16>,
    pub(super) failure_rate: Option<f64>,
    pub(super) slow_rate: Option<f64>,
    pub(super) stall: Option<Duration>,
    pub(super) minimum: usize,
    pub(super) open: Duration,
    pub(super) longest: Duration,
    pub(super) stable: Duration,
    pub(super) probes: usize,
    pub(super) successes: usize,
    pub(super) deadline: Duration,
}

pub(super) const BUCKET: Duration = Duration::from_millis(20);
const BUCKETS: u128 = 10;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Closed,
    Open {
        until: Duration,
    },
    Half {
        successes: usize,
        deadline: Duration,
    },
    Forced(State),
}

/// A call that has not come back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    stretch: u64,
}

#[derive(Debug)]
pub(super) struct Model {
    settings: Settings,
    phase: Phase,
    since: Duration,
    doublings: u32,
    /// Counts the stretches between two transitions; a flight belongs to one.
    stretch: u64,
    in_flight: usize,
    silent_since: Duration,
    log: Vec<(Duration, Outcome)>,
}

impl Model {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            phase: Phase::Closed,
            since: at(0),
            doublings: 0,
            stretch: 0,
            in_flight: 0,
            silent_since: at(0),
            log: Vec::new(),
        }
    }

    pub(super) fn state(&self) -> State {
        match self.phase {
            Phase::Closed => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::Half { .. } => State::HalfOpen,
            Phase::Forced(state) => state,
        }
    }

    /// A flight, or how long to stay away where the breaker promises a time.
    pub(super) fn admit(
        &mut self,
        now: Duration,
        may_probe: bool,
    ) -> Result<Flight, Option<Duration>> {
        self.notice(now, may_probe);
        match self.phase {
            Phase::Open { until } if now < until => Err(Some(until - now)),
            Phase::Forced(State::ForcedOpen) => Err(Some(self.settings.open)),
            Phase::Open { .. } | Phase::Half { .. } if !may_probe => Err(None),
            Phase::Open { .. } => {
                self.enter(
                    Phase::Half {
                        successes: 0,
                        deadline: at(0),
                    },
                    now,
                );
                Ok(self.take_off(now))
            }
            Phase::Half {
                successes,
                deadline,
            } if successes + self.in_flight >= self.settings.probes => Err(Some(deadline - now)),
            _ => Ok(self.take_off(now)),
        }
    }

    pub(super) fn land(&mut self, flight: Flight, outcome: Outcome, now: Duration) {
        if flight.stretch != self.stretch {
            return;
        }
        self.in_flight -= 1;
        if outcome != Outcome::Dropped {
            self.silent_since = now;
        }
        match self.phase {
            Phase::Closed | Phase::Forced(State::DryRun) => {
                self.log.push((now, outcome));
                let bad = matches!(outcome, Outcome::Failure | Outcome::Slow);
                if bad && (self.run_is_too_long() || self.rate_is_too_high(now)) {
                    self.trip(now);
                }
            }
            Phase::Half { successes, .. } => match outcome {
                Outcome::Success | Outcome::Neutral if successes + 1 == self.settings.successes => {
                    self.enter(Phase::Closed, now);
                }
                Outcome::Success | Outcome::Neutral => {
                    self.phase = Phase::Half {
                        successes: successes + 1,
                        deadline: now + self.settings.deadline,
                    };
                }
                Outcome::Slow | Outcome::Failure => self.trip(now),
                Outcome::Dropped => {}
            },
            Phase::Open { .. } | Phase::Forced(_) => {}
        }
    }

    /// What an admission that may probe, or the watchdog, finds out.
    pub(super) fn notice(&mut self, now: Duration, may_probe: bool) {
        match self.phase {
            Phase::Closed | Phase::Forced(State::DryRun) => {
                let silence = now - self.silent_since;
                if self.in_flight > 0
                    && self
                        .settings
                        .stall
                        .is_some_and(|longest| silence >= longest)
                {
                    self.trip(now);
                }
            }
            Phase::Half { deadline, .. } if may_probe && self.in_flight > 0 && now >= deadline => {
                self.trip(now)
            }
            _ => {}
        }
    }

    pub(super) fn trip(&mut self, now: Duration) {
        match self.phase {
            Phase::Closed if now - self.since >= self.settings.stable => self.doublings = 0,
            Phase::Half { .. } => self.doublings += 1,
            Phase::Forced(State::DryRun) => return self.force(State::DryRun, now),
            Phase::Open { .. } | Phase::Forced(_) => return,
            Phase::Closed => {}
        }
        let mut open = self.settings.open;
        for _ in 0..self.doublings.min(15) {
            open = (open * 2).min(self.settings.longest);
        }
        self.enter(Phase::Open { until: now + open }, now);
    }

    pub(super) fn force(&mut self, state: State, now: Duration) {
        self.doublings = 0;
        self.enter(
            if state == State::Closed {
                Phase::Closed
            } else {
                Phase::Forced(state)
            },
            now,
        );
    }

    fn enter(&mut self, phase: Phase, now: Duration) {
        self.phase = phase;
        self.since = now;
        self.stretch += 1;
        self.in_flight = 0;
        self.log.clear();
    }

    fn take_off(&mut self, now: Duration) -> Flight {
        if self.in_flight == 0 {
            self.silent_since = now;
            if let Phase::Half { deadline, .. } = &mut self.phase {
                *deadline = now + self.settings.deadline;
            }
        }
        self.in_flight += 1;
        Flight {
            stretch: self.stretch,
        }
    }

    fn run_is_too_long(&self) -> bool {
        let counted = self.log.iter().rev().map(|&(_, outcome)| outcome);
        let run = counted
            .filter(|outcome| !matches!(outcome, Outcome::Neutral | Outcome::Dropped))
            .take_while(|&outcome| outcome == Outcome::Failure)
            .count();
        self.settings
            .consecutive
            .is_some_and(|limit| run >= usize::from(limit))
    }

    fn rate_is_too_high(&self, now: Duration) -> bool {
        let bucket = |time: Duration| time.as_nanos() / BUCKET.as_nanos();
        let recent = || {
            self.log
                .iter()
                .filter(|(time, _)| bucket(*time) + BUCKETS > bucket(now))
        };
        let count = |wanted: &[Outcome]| {
            recent()
                .filter(|(_, outcome)| wanted.contains(outcome))
                .count()
        };
        let total = count(&[Outcome::Success, Outcome::Slow, Outcome::Failure]);
        let reaches = |rate: Option<f64>, part: usize| {
            rate.is_some_and(|rate| part as f64 >= rate * total as f64)
        };
        total >= self.settings.minimum
            && (reaches(self.settings.failure_rate, count(&[Outcome::Failure]))
                || reaches(
                    self.settings.slow_rate,
                    count(&[Outcome::Slow, Outcome::Failure]),
                ))
    }
}
