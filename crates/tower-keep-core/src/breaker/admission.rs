//! Who is let in.

use std::time::Duration;

use super::machine::StateMachine;
use super::permit::{Permit, Refused};
use super::steps::SlowStart;
use super::transition::{Cause, State, Transition};
use super::word::Word;

/// The least that a refusal asks a caller to wait.
const SOON: Duration = Duration::from_millis(10);

impl StateMachine {
    pub(super) fn enter(&self, now: Duration, may_probe: bool) -> Result<Permit, Refused> {
        loop {
            let word = self.load();
            let decided = match word.kind {
                State::Closed | State::DryRun => self.pass(word, now),
                State::ForcedClosed => Some(Ok(permit(word, now))),
                State::ForcedOpen => Some(Err(refused(word, self.config.open_for))),
                State::Open => self.try_half_open(word, now, may_probe),
                State::HalfOpen => self.try_probe(word, now, may_probe),
            };
            if let Some(decided) = decided {
                return decided;
            }
        }
    }

    /// `None` if the word has changed meanwhile, here and in the next three.
    fn pass(&self, word: Word, now: Duration) -> Option<Result<Permit, Refused>> {
        if self.is_stalled(word, now) {
            return self.notice(word, Cause::Stall, now);
        }
        if !word.is_settled() {
            match word.slow_start(&self.config, now) {
                Some(SlowStart::Refuse(next, left)) => {
                    return self.swap(word, next).then(|| Err(refused(word, left)));
                }
                Some(SlowStart::Pass(next) | SlowStart::Over(next)) => {
                    self.swap(word, next).then_some(())?
                }
                None => {}
            }
            if let Some(next) = word.settled(&self.config, now) {
                // Whoever comes next settles it if somebody was faster.
                self.swap(word, next);
            }
        }
        Some(Ok(self.watched(permit(word, now))))
    }

    fn try_half_open(
        &self,
        word: Word,
        now: Duration,
        may_probe: bool,
    ) -> Option<Result<Permit, Refused>> {
        if let Some(left) = word.at.remaining(now, self.config.longest_open) {
            return Some(Err(refused(word, left)));
        }
        if !may_probe {
            return Some(Err(refused(word, SOON)));
        }
        let next = word.half_opened(&self.config, now);
        let transition = Transition {
            from: word.kind,
            to: next.kind,
            cause: Cause::OpenTimeOver,
        };
        let probe = Permit {
            probe: true,
            transition: Some(transition),
            ..permit(next, now)
        };
        self.swap(word, next).then_some(Ok(probe))
    }

    fn try_probe(
        &self,
        word: Word,
        now: Duration,
        may_probe: bool,
    ) -> Option<Result<Permit, Refused>> {
        if may_probe && self.is_probe_late(word, now) {
            return self.notice(word, Cause::ProbeTimeout, now);
        }
        if may_probe && word.admitted < self.config.probes {
            let next = word.probe_admitted(&self.config, now);
            return self.swap(word, next).then(|| {
                Ok(Permit {
                    probe: true,
                    ..permit(next, now)
                })
            });
        }
        let left = word.at.remaining(now, self.config.probe_deadline);
        Some(Err(refused(word, left.unwrap_or(SOON))))
    }

    /// An admission finds that it is time to open. A dry run only says so, and admits.
    fn notice(&self, word: Word, cause: Cause, now: Duration) -> Option<Result<Permit, Refused>> {
        let next = self.tripped(word, now)?;
        let transition = Some(Transition {
            from: word.kind,
            to: next.kind,
            cause,
        });
        self.swap(word, next).then(|| {
            if next.kind == State::DryRun {
                return Ok(Permit {
                    transition,
                    ..self.watched(permit(next, now))
                });
            }
            let left = next.at.remaining(now, self.config.longest_open);
            Err(Refused {
                transition,
                ..refused(next, left.unwrap_or(SOON))
            })
        })
    }

    fn watched(&self, permit: Permit) -> Permit {
        let watched = self.config.stall_after.is_some()
            && self.stall.start(permit.generation, permit.started);
        Permit { watched, ..permit }
    }
}

fn permit(word: Word, now: Duration) -> Permit {
    Permit {
        started: now,
        generation: word.generation,
        probe: false,
        watched: false,
        transition: None,
    }
}

fn refused(word: Word, retry_after: Duration) -> Refused {
    Refused {
        retry_after,
        state: word.kind,
        transition: None,
    }
}
