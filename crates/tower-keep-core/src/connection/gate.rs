use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tokio::sync::Notify;

/// How many failures in a row shut the gate. Fewer would let single hiccups through; more would let more requests
/// pay before the gate knows.
const FAILURES_IN_A_ROW: u32 = 5;

/// Lets operations of one class pass while the server is well. Whoever asks pays one atomic load.
///
/// The word is a generation and a flag; the generation moves at every change, so that the outcome of an operation
/// counts only in the period in which it was let through.
#[derive(Debug, Default)]
pub(super) struct Gate {
    word: AtomicU64,
    failures: AtomicU32,
    /// Wakes the operations that were let through when the gate shuts.
    pub(super) shut: Notify,
}

/// The period in which an operation was let through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass(u64);

impl Gate {
    const OPEN: u64 = 1;

    pub(super) fn is_up(&self) -> bool {
        self.word.load(Ordering::Acquire) & Self::OPEN != 0
    }

    pub(super) fn admit(&self) -> Option<Pass> {
        let word = self.word.load(Ordering::Acquire);
        (word & Self::OPEN != 0).then_some(Pass(word))
    }

    /// Whether nothing has changed since the pass was given.
    pub(super) fn honours(&self, pass: Pass) -> bool {
        self.word.load(Ordering::Acquire) == pass.0
    }

    pub(super) fn succeeded(&self, pass: Pass) {
        // The usual case writes nothing, so that the word's cache line stays shared.
        if self.failures.load(Ordering::Relaxed) != 0 && self.honours(pass) {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// Counts a failure; says whether the gate should now be shut.
    #[must_use]
    pub(super) fn failed(&self, pass: Pass) -> bool {
        self.honours(pass) && self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES_IN_A_ROW
    }

    /// Opens or shuts; says whether it was the other way before. Callers hold the health lock, so that the gate and
    /// what is said about it agree.
    pub(super) fn turn(&self, open: bool) -> bool {
        let word = self.word.load(Ordering::Acquire);
        if (word & Self::OPEN != 0) == open {
            return false;
        }
        self.failures.store(0, Ordering::Relaxed);
        self.word.store((word + 2) ^ Self::OPEN, Ordering::Release);
        if !open {
            self.shut.notify_waiters();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_shut_it_and_a_success_between_them_does_not() {
        let gate = Gate::default();
        assert!(gate.admit().is_none());
        assert!(gate.turn(true));
        let pass = gate.admit().unwrap();
        for _ in 1..FAILURES_IN_A_ROW {
            assert!(!gate.failed(pass));
        }
        gate.succeeded(pass);
        for _ in 1..FAILURES_IN_A_ROW {
            assert!(!gate.failed(pass));
        }
        assert!(gate.failed(pass));
    }

    #[test]
    fn outcomes_count_only_in_their_own_period() {
        let gate = Gate::default();
        gate.turn(true);
        let old = gate.admit().unwrap();
        gate.turn(false);
        assert!(!gate.turn(false));
        gate.turn(true);
        for _ in 0..100 {
            assert!(!gate.failed(old));
        }
        assert!(gate.admit().is_some());
    }
}
