use std::time::Duration;

use tokio::time::Instant;

/// What is left. Time is passed in.
///
/// It runs while at least one operation waits: several at the same time cost the request no more than one.
#[derive(Debug)]
pub(super) struct Account {
    /// At `since`, or now if nobody waits.
    left: Duration,
    since: Instant,
    waiting: usize,
}

impl Account {
    pub(super) fn new(total: Duration, now: Instant) -> Self {
        Self {
            left: total,
            since: now,
            waiting: 0,
        }
    }

    pub(super) fn left(&self, now: Instant) -> Duration {
        match self.waiting {
            0 => self.left,
            _ => self
                .left
                .saturating_sub(now.saturating_duration_since(self.since)),
        }
    }

    pub(super) fn begin(&mut self, now: Instant) {
        self.settle(now);
        self.waiting += 1;
    }

    pub(super) fn end(&mut self, now: Instant) {
        self.settle(now);
        self.waiting = self.waiting.saturating_sub(1);
    }

    pub(super) fn spend(&mut self, taken: Duration) {
        self.left = self.left.saturating_sub(taken);
    }

    fn settle(&mut self, now: Instant) {
        self.left = self.left(now);
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_wait_at_the_same_time_spend_it_once() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let left = |ms| Duration::from_millis(ms);
        let mut account = Account::new(left(100), start);
        assert_eq!(account.left(at(50)), left(100));
        account.begin(at(50));
        account.begin(at(60));
        assert_eq!(account.left(at(70)), left(80));
        account.end(at(80));
        assert_eq!(account.left(at(90)), left(60));
        account.end(at(90));
        assert_eq!(account.left(at(500)), left(60));
        account.begin(at(500));
        assert_eq!(account.left(at(900)), Duration::ZERO);
        account.end(at(900));
        assert_eq!(account.left(at(901)), Duration::ZERO);
    }

    #[test]
    fn an_allowance_too_large_to_count_is_as_good_as_none() {
        let start = Instant::now();
        let mut account = Account::new(Duration::MAX, start);
        account.begin(start);
        account.end(start + Duration::from_secs(1));
        assert!(account.left(start) > Duration::from_secs(u64::MAX / 2));
    }
}
