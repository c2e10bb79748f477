use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    task::futures::TaskLocalFuture,
    task_local,
    time::{Instant, timeout},
};

use super::{account::Account, waiting::Waiting};

task_local! {
    static CURRENT: Option<RedisBudget>;
}

/// How much longer a request may wait for Redis, all its layers and its handler together.
///
/// Each layer has a deadline of its own; stacked, a hung Redis would cost their sum. With a budget each operation has
/// the smaller of its handle's deadline and what is left, and takes off what it took. Once nothing is left, an operation
/// is told [`CommandError::BudgetSpent`](crate::connection::CommandError::BudgetSpent) without having been sent, and its
/// layer does what it does when Redis is away.
///
/// [`RedisBudgetLayer`](super::RedisBudgetLayer) gives every request one. It is a request extension, and it is in force
/// for what runs inside of [`scope`](Self::scope). Clones share one allowance, which runs while at least one operation
/// waits: two at the same time spend it once.
///
/// ```
/// use std::time::Duration;
/// use tower_keep_core::RedisBudget;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let budget = RedisBudget::new(Duration::from_millis(60));
/// assert!(RedisBudget::current().is_none());
/// budget.clone().scope(async {
///     // Here every operation on Redis is charged to it; something else that waits may be, too.
///     RedisBudget::current().unwrap().spend(Duration::from_millis(50));
/// }).await;
/// assert_eq!(budget.remaining(), Duration::from_millis(10));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RedisBudget(Arc<Mutex<Account>>);

impl RedisBudget {
    /// An allowance of `total` for one request.
    #[must_use]
    pub fn new(total: Duration) -> Self {
        Self(Arc::new(Mutex::new(Account::new(total, Instant::now()))))
    }

    /// The budget that is in force in this task.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok().flatten()
    }

    /// Runs a future with this budget in force. It does not follow into tasks that the future spawns: see
    /// [`carry`](Self::carry).
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> + use<F> {
        self.scoped(future)
    }

    /// A future to spawn, in which the budget of this task goes on being in force.
    pub fn carry<F: Future>(future: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(Self::current(), future)
    }

    /// Runs a future without any budget in force, for what must reach Redis however long the request has waited.
    pub fn suspend<F: Future>(future: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(None, future)
    }

    /// Waits for something that does not work on Redis by itself but waits for a task that does, for as long as there
    /// is time left, and charges it. `None` if the time was over before. Without a budget in force it just waits.
    ///
    /// The future is dropped then; whatever must go on must do so in a task of its own.
    pub async fn charge<F: Future>(future: F) -> Option<F::Output> {
        let Some(budget) = Self::current() else {
            return Some(future.await);
        };
        let waiting = Waiting::begin(budget)?;
        timeout(waiting.left(), future).await.ok()
    }

    /// Takes `taken` off the allowance, which ends at zero.
    pub fn spend(&self, taken: Duration) {
        self.account().spend(taken);
    }

    /// What is left.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.account().left(Instant::now())
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.remaining().is_zero()
    }

    pub(super) fn scoped<F: Future>(self, future: F) -> TaskLocalFuture<Option<Self>, F> {
        CURRENT.scope(Some(self), future)
    }

    /// For a call that makes a future: it may begin to work at once.
    pub(super) fn enter<T>(&self, call: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(Some(self.clone()), call)
    }

    /// Takes the time of an operation until what is returned is dropped. `None` if nothing is left.
    pub(crate) fn wait(self) -> Option<Waiting> {
        Waiting::begin(self)
    }

    pub(super) fn begin(&self) {
        self.account().begin(Instant::now());
    }

    pub(super) fn end(&self) {
        self.account().end(Instant::now());
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::sleep;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn what_is_waited_for_is_charged_and_ends_with_the_budget() {
        assert_eq!(RedisBudget::charge(async { 1 }).await, Some(1));
        let budget = RedisBudget::new(10 * MS);
        let inside = budget.clone().scope(async {
            assert_eq!(RedisBudget::charge(sleep(4 * MS)).await, Some(()));
            let (one, other) = tokio::join!(
                RedisBudget::charge(sleep(4 * MS)),
                RedisBudget::charge(sleep(3 * MS))
            );
            assert!(one.is_some() && other.is_some());
            let left = RedisBudget::current().map(|budget| budget.remaining());
            assert_eq!(left, Some(2 * MS));
            assert_eq!(RedisBudget::charge(pending::<()>()).await, None);
        });
        inside.await;
        assert!(budget.is_spent());
    }

    #[tokio::test]
    async fn it_follows_into_a_task_only_where_it_is_carried() {
        let in_task = |carried: bool| async move {
            let seen = async { RedisBudget::current().is_some() };
            let task = match carried {
                true => tokio::spawn(RedisBudget::carry(seen)),
                false => tokio::spawn(seen),
            };
            task.await.unwrap()
        };
        let budget = RedisBudget::new(MS);
        let seen = budget.scope(async { (in_task(true).await, in_task(false).await) });
        assert_eq!(seen.await, (true, false));
        assert!(!in_task(true).await);
        let suspended = RedisBudget::suspend(async { RedisBudget::current().is_some() });
        assert!(!RedisBudget::new(MS).scope(suspended).await);
    }

    #[test]
    fn clones_spend_from_one_allowance_and_never_below_zero() {
        let budget = RedisBudget::new(10 * MS);
        let other = budget.clone();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| budget.spend(Duration::from_micros(2))));
            }
        });
        assert_eq!(other.remaining(), 2 * MS);
        other.spend(Duration::MAX);
        assert!(budget.is_spent());
    }
}
