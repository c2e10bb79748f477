use std::time::Duration;

use tokio::sync::Notify;

use crate::breaker::{BreakerConfig, Outcome, Permit, StateMachine};

/// How many failures in a row shut the gate. Fewer would let single hiccups through; more would let more requests
/// pay before the gate knows.
const FAILURES_IN_A_ROW: u16 = 5;

/// Lets operations of one class pass while the server is well. Whoever asks pays one atomic load.
///
/// It is a breaker that never lets a request find out whether the server is back: it is opened and shut from
/// outside, by what the connection's background tasks know.
#[derive(Debug)]
pub(super) struct Gate {
    machine: StateMachine,
    /// Wakes the operations that were let through when the gate shuts.
    pub(super) shut: Notify,
}

impl Gate {
    /// Shut until the first good probe.
    pub(super) fn new() -> Self {
        // No rates: their windows are longer than an outage should go unnoticed.
        let config = BreakerConfig::new()
            .consecutive_failures(FAILURES_IN_A_ROW)
            .failure_rate(None);
        let machine =
            StateMachine::new(config).expect("a count of failures alone is a valid setting");
        machine.force_open();
        Self {
            machine,
            shut: Notify::new(),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.machine.is_closed()
    }

    pub(super) fn admit(&self, now: Duration) -> Option<Permit> {
        self.machine.admit_if_closed(now).ok()
    }

    pub(super) fn succeeded(&self, permit: Permit, now: Duration) {
        self.machine.record(permit, Outcome::Success, now);
    }

    /// Counts a failure; says whether it was the one that shut the gate. A failure of an operation that was let
    /// through before the gate shut the last time does not count.
    #[must_use]
    pub(super) fn failed(&self, permit: Permit, now: Duration) -> bool {
        self.machine.record(permit, Outcome::Failure, now).is_some()
    }

    /// Shuts; who waits behind it is woken.
    pub(super) fn shut(&self) {
        self.machine.force_open();
        self.shut.notify_waiters();
    }

    pub(super) fn open(&self) {
        self.machine.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1);

    #[test]
    fn failures_in_a_row_shut_it_and_a_success_between_them_does_not() {
        let gate = Gate::new();
        assert!(gate.admit(NOW).is_none());
        gate.open();
        let permit = gate.admit(NOW).unwrap();
        for _ in 1..FAILURES_IN_A_ROW {
            assert!(!gate.failed(permit, NOW));
        }
        gate.succeeded(permit, NOW);
        for _ in 1..FAILURES_IN_A_ROW {
            assert!(!gate.failed(permit, NOW));
        }
        assert!(gate.failed(permit, NOW));
        assert!(!gate.is_up());
    }

    #[test]
    fn outcomes_count_only_in_the_period_in_which_they_were_let_through() {
        let gate = Gate::new();
        gate.open();
        let old = gate.admit(NOW).unwrap();
        gate.shut();
        gate.open();
        for _ in 0..100 {
            assert!(!gate.failed(old, NOW));
        }
        assert!(gate.is_up());
    }

    #[test]
    fn it_does_not_open_by_itself() {
        let gate = Gate::new();
        gate.shut();
        assert!(gate.admit(NOW + Duration::from_secs(3600)).is_none());
    }
}
