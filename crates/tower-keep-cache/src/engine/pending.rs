//! Invalidations that Redis has not acknowledged.
//!
//! `invalidate` has said that it failed; but the write that it was for has been committed. Until Redis knows,
//! this process at least neither serves nor stores what is concerned. Other processes do not know of it: for them the
//! time to live of the entries is the bound, if this process ends before Redis is back.

mod queue;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    runtime::Handle,
    time::{Instant, sleep},
};
use tower_keep_core::{
    connection::{CommandError, ConnectionManager},
    telemetry::target,
};

pub(crate) use self::queue::Invalidation;
use self::queue::{Blocked, Queue};
use super::telemetry;
use crate::{store::Store, tag::TagId};

const RETRY_FIRST: Duration = Duration::from_millis(50);
/// A change of Redis' health wakes the retry at once; this is for errors that do not change it.
const RETRY_LAST: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Whether anything is: all that a request pays as long as nothing is.
    any: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    queue: Queue,
    blocked: Arc<Blocked>,
    task: Task,
}

/// The task that retries.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Task {
    #[default]
    None,
    Running,
    /// There will be none any more: the connection manager is closed.
    Closed,
}

/// What is blocked for a request that begins now.
///
/// To be taken before the look into the store: an invalidation that is acknowledged later is seen by neither the
/// look, which came before it, nor by who asks only afterwards.
#[derive(Debug)]
pub(super) struct Snapshot(Option<Arc<Blocked>>);

impl Snapshot {
    /// Whether anything is blocked at all.
    pub(super) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn covers(&self, tags: &[TagId]) -> bool {
        self.0.as_ref().is_some_and(|blocked| blocked.covers(tags))
    }
}

impl Pending {
    pub(super) fn blocked(&self) -> Snapshot {
        Snapshot(
            self.any
                .load(Ordering::Acquire)
                .then(|| Arc::clone(&self.lock().blocked)),
        )
    }

    pub(super) fn len(&self) -> usize {
        self.lock().queue.len()
    }

    /// Whether something is pending and nobody retries it: the task has ended with its runtime.
    pub(super) fn is_forgotten(&self) -> bool {
        let inner = self.lock();
        inner.queue.len() > 0 && inner.task == Task::None
    }

    pub(super) fn push(&self, invalidation: Invalidation) {
        let mut inner = self.lock();
        inner.queue.push(invalidation, Instant::now());
        self.publish(&mut inner);
    }

    pub(super) fn acknowledge(&self, number: u64) {
        let mut inner = self.lock();
        inner.queue.acknowledge(number);
        self.publish(&mut inner);
    }

    fn publish(&self, inner: &mut Inner) {
        inner.blocked = Arc::new(inner.queue.blocked());
        let pending = inner.queue.len();
        self.any.store(pending > 0, Ordering::Release);
        telemetry::pending(pending, inner.queue.oldest());
    }

    /// For how long the oldest has not been acknowledged.
    pub(super) fn age(&self) -> Option<Duration> {
        self.lock().queue.oldest().map(|since| since.elapsed())
    }

    /// Says again how old the oldest is by now.
    fn report(&self) {
        let inner = self.lock();
        telemetry::pending(inner.queue.len(), inner.queue.oldest());
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends an invalidation; one that is not acknowledged, also because the caller has gone, becomes pending.
pub(super) async fn invalidate(
    retry: Retry,
    invalidation: Invalidation,
) -> Result<(), CommandError> {
    let store = retry.store.clone();
    let hold = retry.hold;
    let mut unacknowledged = Unacknowledged {
        retry: Some(retry),
        invalidation: invalidation.clone(),
    };
    let sent = send(&store, &invalidation, hold).await;
    match &sent {
        Ok(()) => unacknowledged.retry = None,
        Err(error) => tracing::warn!(
            target: target::CACHE,
            %error,
            "an invalidation is not acknowledged; what it concerns is not served here until it is"
        ),
    }
    telemetry::invalidated(sent.is_ok());
    sent
}

async fn send(
    store: &Store,
    invalidation: &Invalidation,
    hold: Duration,
) -> Result<(), CommandError> {
    match invalidation {
        Invalidation::Tags(tags) => store.invalidate(tags, hold).await,
        Invalidation::Flush => store.flush().await,
    }
}

/// Makes an invalidation pending when it is dropped.
struct Unacknowledged {
    retry: Option<Retry>,
    invalidation: Invalidation,
}

impl Drop for Unacknowledged {
    fn drop(&mut self) {
        if let Some(retry) = self.retry.take() {
            retry.pend(self.invalidation.clone());
        }
    }
}

/// What brings pending invalidations to Redis: one task per cache, and only while there are any.
#[derive(Debug)]
pub(super) struct Retry {
    pub(super) pending: Arc<Pending>,
    pub(super) store: Store,
    pub(super) manager: ConnectionManager,
    pub(super) hold: Duration,
}

impl Retry {
    /// Blocks what the invalidation concerns until it is acknowledged.
    pub(super) fn pend(self, invalidation: Invalidation) {
        self.pending.push(invalidation);
        self.start();
    }

    /// Starts the task, if there is none. Outside a runtime the next request does it; until then all stays blocked.
    pub(super) fn start(self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut inner = self.pending.lock();
        if inner.task == Task::None {
            inner.task = Task::Running;
            drop(inner);
            runtime.spawn(Running(self).run());
        }
    }
}

/// Whatever ends the task, the end of its runtime included, another one can be started.
struct Running(Retry);

impl Running {
    async fn run(self) {
        let Retry {
            pending,
            store,
            manager,
            hold,
        } = &self.0;
        let mut health = manager.watch();
        let mut pause = RETRY_FIRST;
        while let Some((number, invalidation)) = self.front() {
            match send(store, &invalidation, *hold).await {
                Ok(()) => {
                    pending.acknowledge(number);
                    pause = RETRY_FIRST;
                }
                // Nothing will ever reach Redis through this manager; what is blocked stays so.
                Err(CommandError::Closed) => {
                    pending.lock().task = Task::Closed;
                    return;
                }
                Err(error) => {
                    tracing::debug!(target: target::CACHE, %error, "an invalidation is still pending");
                    pending.report();
                    tokio::select! {
                        () = sleep(pause) => pause = (pause * 2).min(RETRY_LAST),
                        _ = health.changed() => {}
                    }
                }
            }
        }
    }

    /// The next to send. At the end the task counts as ended in the same step, so that what comes after is not lost.
    fn front(&self) -> Option<(u64, Invalidation)> {
        let mut inner = self.0.pending.lock();
        let front = inner.queue.front();
        if front.is_none() {
            inner.task = Task::None;
        }
        front
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut inner = self.0.pending.lock();
        if inner.task == Task::Running {
            inner.task = Task::None;
        }
    }
}
