use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How much longer a request may wait for Redis, all its layers together.
///
/// A request extension. Each layer has a deadline of its own; stacked, a hung Redis would cost their sum.
/// With a budget a layer asks for the smaller of the two ([`RedisBudget::allow`]), and says afterwards what
/// it took ([`RedisBudget::spend`]). A layer that is allowed nothing does at once what it does when Redis is away.
///
/// Clones share one allowance. The resolution is one microsecond.
///
/// ```
/// use std::time::Duration;
/// use tower_keep_core::RedisBudget;
///
/// let budget = RedisBudget::new(Duration::from_millis(60));
/// let deadline = budget.allow(Duration::from_millis(50)).unwrap();
/// assert_eq!(deadline, Duration::from_millis(50));
///
/// budget.spend(Duration::from_millis(50));
/// assert_eq!(budget.allow(Duration::from_millis(50)), Some(Duration::from_millis(10)));
///
/// budget.spend(Duration::from_millis(10));
/// assert_eq!(budget.allow(Duration::from_millis(50)), None);
/// ```
#[derive(Clone, Debug)]
pub struct RedisBudget(Arc<AtomicU64>);

impl RedisBudget {
    /// An allowance of `total` for one request.
    pub fn new(total: Duration) -> Self {
        Self(Arc::new(AtomicU64::new(micros(total))))
    }

    /// The deadline for an operation that would like `wanted`: at most what is left, `None` if nothing is.
    pub fn allow(&self, wanted: Duration) -> Option<Duration> {
        let remaining = self.remaining();
        (!remaining.is_zero()).then(|| wanted.min(remaining))
    }

    /// Takes `taken` off the allowance, which ends at zero.
    pub fn spend(&self, taken: Duration) {
        let taken = micros(taken);
        // Relaxed: the number stands for itself, nothing else is published by it.
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                Some(left.saturating_sub(taken))
            });
    }

    /// What is left.
    pub fn remaining(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }

    /// Whether nothing is left.
    pub fn is_spent(&self) -> bool {
        self.remaining().is_zero()
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_spend_from_one_allowance_and_never_below_zero() {
        let budget = RedisBudget::new(Duration::from_millis(10));
        let other = budget.clone();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| budget.spend(Duration::from_micros(2))));
            }
        });
        assert_eq!(other.remaining(), Duration::from_millis(2));
        other.spend(Duration::MAX);
        assert!(budget.is_spent());
    }

    #[test]
    fn an_allowance_too_large_to_count_is_as_good_as_none() {
        let budget = RedisBudget::new(Duration::MAX);
        budget.spend(Duration::from_secs(1));
        assert_eq!(
            budget.allow(Duration::from_secs(5)),
            Some(Duration::from_secs(5))
        );
    }
}
