use std::time::Duration;

use super::RedisBudget;

/// One operation that waits on a request's time. The time runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    budget: RedisBudget,
    left: Duration,
}

impl Waiting {
    /// `None` if nothing is left.
    pub(super) fn begin(budget: RedisBudget) -> Option<Self> {
        let left = budget.remaining();
        if left.is_zero() {
            return None;
        }
        budget.begin();
        Some(Self { budget, left })
    }

    /// What was left when it began.
    pub(crate) fn left(&self) -> Duration {
        self.left
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.budget.end();
    }
}
