//! A steady load, and how its operations fared.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use testkit::eventually;
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};
use tower_keep_core::connection::CommandError;

use super::SOON;

/// 200 operations a second, whether the ones before are done or not.
const PACE: Duration = Duration::from_millis(5);

/// At 200 operations a second, the stall age of a cache (25 ms) lets 5 take off before the gate trips. The rest of
/// the bound is for a busy machine.
pub(super) const FEW: u64 = 60;

/// Nobody pays for finding out that Redis is back. But a busy machine can hold up a healthy Redis for longer than the
/// stall age, and the gate is right to trip then.
pub(super) const HICCUPS: u64 = 20;

/// Runs until dropped.
pub(super) struct Load {
    tally: Arc<Tally>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Tally {
    served: AtomicU64,
    /// Waited for a reply that did not come.
    paid: AtomicU64,
    /// Were told at once.
    refused: AtomicU64,
    /// Met an error that no outage explains.
    surprised: Mutex<Option<CommandError>>,
}

impl Load {
    pub(super) fn start<T>(operation: impl AsyncOperation<T>) -> Self
    where
        T: Send + 'static,
    {
        let tally = Arc::new(Tally::default());
        let counting = Arc::clone(&tally);
        let task = tokio::spawn(async move {
            let mut pace = interval(PACE);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                pace.tick().await;
                let (operation, tally) = (operation.clone(), Arc::clone(&counting));
                tokio::spawn(async move { tally.count(operation.run().await.err()) });
            }
        });
        Self { tally, task }
    }

    pub(super) fn paid(&self) -> u64 {
        assert_eq!(*self.tally.surprised.lock().unwrap(), None);
        self.tally.paid.load(Ordering::SeqCst)
    }

    pub(super) fn stop(&self) {
        self.task.abort();
    }

    pub(super) fn served(&self) -> u64 {
        self.tally.served.load(Ordering::SeqCst)
    }

    pub(super) fn refused(&self) -> u64 {
        self.tally.refused.load(Ordering::SeqCst)
    }

    /// Waits until so many more operations were served.
    pub(super) async fn serves(&self, more: u64) {
        let goal = self.served() + more;
        eventually(SOON, async || self.served() >= goal).await;
    }

    /// Waits until so many more operations were refused.
    pub(super) async fn refuses(&self, more: u64) {
        let goal = self.refused() + more;
        eventually(SOON, async || self.refused() >= goal).await;
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Tally {
    fn count(&self, error: Option<CommandError>) {
        let counter = match error {
            None => &self.served,
            Some(error) if error.may_have_run() => &self.paid,
            Some(
                CommandError::Unavailable
                | CommandError::Loading
                | CommandError::ReadOnly
                | CommandError::Cluster
                | CommandError::Moving,
            ) => &self.refused,
            Some(error) => {
                *self.surprised.lock().unwrap() = Some(error);
                return;
            }
        };
        counter.fetch_add(1, Ordering::SeqCst);
    }
}

/// What a load does, again and again.
pub(super) trait AsyncOperation<T>: Clone + Send + 'static {
    fn run(self) -> impl Future<Output = Result<T, CommandError>> + Send;
}

impl<F, Fut, T> AsyncOperation<T> for F
where
    F: Fn() -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<T, CommandError>> + Send,
{
    fn run(self) -> impl Future<Output = Result<T, CommandError>> + Send {
        self()
    }
}
