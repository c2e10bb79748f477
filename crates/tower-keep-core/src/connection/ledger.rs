use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::{error::CommandError, health::Class, latencies::Latencies, outcome::Outcome};

/// What users' operations came to, counted where they end; the reporter publishes it.
///
/// A metric's handle would cost each operation a look into the recorder's map, and could not be kept: the recorder may
/// be installed later than the connection is opened.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    read: Account,
    write: Account,
}

#[derive(Debug, Default)]
struct Account {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    latencies: Latencies,
}

impl Ledger {
    /// An operation was answered, or missed its deadline.
    pub(super) fn ended<T>(
        &self,
        class: Class,
        result: &Result<T, CommandError>,
        latency: Duration,
    ) {
        self.account(class).latencies.record(latency);
        match result {
            Ok(_) => self.count(class, Outcome::Ok),
            Err(error) => self.refused(class, error),
        }
    }

    /// An operation was not sent.
    pub(super) fn refused(&self, class: Class, error: &CommandError) {
        self.count(class, Outcome::from(error));
    }

    pub(super) fn abandoned(&self, class: Class) {
        self.count(class, Outcome::Abandoned);
    }

    /// How often each outcome was since the last call.
    pub(super) fn take_outcomes(&self, class: Class) -> impl Iterator<Item = (Outcome, u64)> {
        let outcomes = Outcome::ALL.into_iter().zip(&self.account(class).outcomes);
        outcomes
            .map(|(outcome, count)| (outcome, count.swap(0, Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
    }

    /// How long operations took since the last call.
    pub(super) fn take_latencies(&self, class: Class) -> impl Iterator<Item = (Duration, u64)> {
        self.account(class).latencies.take()
    }

    fn count(&self, class: Class, outcome: Outcome) {
        self.account(class).outcomes[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn account(&self, class: Class) -> &Account {
        match class {
            Class::Read => &self.read,
            Class::Write => &self.write,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_is_counted_once_for_its_class() {
        let ledger = Ledger::default();
        let took = Duration::from_millis(1);
        ledger.ended(Class::Read, &Ok(()), took);
        ledger.ended(Class::Read, &Ok(()), took);
        ledger.ended::<()>(Class::Write, &Err(CommandError::OutOfMemory), took);
        ledger.refused(Class::Write, &CommandError::Overloaded);
        ledger.abandoned(Class::Read);

        let taken = |class| ledger.take_outcomes(class).collect::<Vec<_>>();
        let reads = [(Outcome::Ok, 2), (Outcome::Abandoned, 1)];
        assert_eq!(taken(Class::Read), reads);
        let writes = [(Outcome::OutOfMemory, 1), (Outcome::Overloaded, 1)];
        assert_eq!(taken(Class::Write), writes);
        assert_eq!(taken(Class::Read), []);

        let latencies = |class| ledger.take_latencies(class).map(|(_, count)| count).sum();
        let sums: [u64; 2] = Class::ALL.map(latencies);
        assert_eq!(sums, [2, 1]);
    }
}
