use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Semaphore;
use tower_service::Service;

use super::Violation;

/// A service that watches the middleware around it. Clones share everything but readiness, so that a clone kept aside
/// says what has happened.
///
/// It answers by a closure: at once, or once it is [released](Self::release) after [`hold`](Self::hold).
pub struct ServiceProbe<Req, Res, E> {
    shared: Arc<Shared<Req, Res, E>>,
    ready: bool,
}

type Answer<Req, Res, E> = dyn Fn(Req) -> Result<Res, E> + Send + Sync;

struct Shared<Req, Res, E> {
    answer: Box<Answer<Req, Res, E>>,
    log: Arc<Log>,
    readiness: Mutex<Readiness<E>>,
}

/// What happened so far.
#[derive(Debug)]
struct Log {
    ready_clones: AtomicUsize,
    polls: AtomicUsize,
    calls: AtomicUsize,
    in_flight: AtomicUsize,
    peak: AtomicUsize,
    completed: AtomicUsize,
    dropped: AtomicUsize,
    held: Mutex<Option<Arc<Semaphore>>>,
    violations: Mutex<Vec<Violation>>,
}

struct Readiness<E> {
    busy: bool,
    failure: Option<E>,
    waiting: Vec<Waker>,
}

impl<Req, Res, E> ServiceProbe<Req, Res, E> {
    /// A probe that answers so.
    pub fn answering(answer: impl Fn(Req) -> Result<Res, E> + Send + Sync + 'static) -> Self {
        let log = Log {
            ready_clones: AtomicUsize::new(0),
            polls: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            completed: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
            held: Mutex::new(None),
            violations: Mutex::new(Vec::new()),
        };
        let readiness = Mutex::new(Readiness {
            busy: false,
            failure: None,
            waiting: Vec::new(),
        });
        let shared = Shared {
            answer: Box::new(answer),
            log: Arc::new(log),
            readiness,
        };
        Self {
            shared: Arc::new(shared),
            ready: false,
        }
    }

    /// How often it was called.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.log().calls.load(Ordering::SeqCst)
    }

    /// How often `poll_ready` was asked.
    #[must_use]
    pub fn polls(&self) -> usize {
        self.log().polls.load(Ordering::SeqCst)
    }

    /// How many calls are neither answered nor dropped.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.log().in_flight.load(Ordering::SeqCst)
    }

    /// How many were in flight at the same time, at most.
    #[must_use]
    pub fn peak(&self) -> usize {
        self.log().peak.load(Ordering::SeqCst)
    }

    /// How many calls were answered.
    #[must_use]
    pub fn completed(&self) -> usize {
        self.log().completed.load(Ordering::SeqCst)
    }

    /// How many calls were dropped before they were answered.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.log().dropped.load(Ordering::SeqCst)
    }

    /// From now on calls wait to be released.
    pub fn hold(&self) {
        lock(&self.log().held).get_or_insert_with(|| Arc::new(Semaphore::new(0)));
    }

    /// Lets `count` of the calls that wait, or of the next ones, be answered.
    pub fn release(&self, count: usize) {
        if let Some(held) = &*lock(&self.log().held) {
            held.add_permits(count);
        }
    }

    /// Lets all calls be answered, the next ones at once.
    pub fn release_all(&self) {
        if let Some(held) = lock(&self.log().held).take() {
            held.close();
        }
    }

    /// From now on `poll_ready` is pending.
    pub fn be_busy(&self) {
        lock(&self.shared.readiness).busy = true;
    }

    /// `poll_ready` is ready again; who waits is woken.
    pub fn be_ready(&self) {
        let mut readiness = lock(&self.shared.readiness);
        readiness.busy = false;
        readiness.waiting.drain(..).for_each(Waker::wake);
    }

    /// The next `poll_ready` fails so.
    pub fn fail_ready(&self, error: E) {
        lock(&self.shared.readiness).failure = Some(error);
    }

    /// What the middleware did wrong so far, as far as the probe sees it by itself.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        lock(&self.log().violations).clone()
    }

    /// The first of the [`violations`](Self::violations) as an error.
    ///
    /// # Errors
    /// If there is one.
    pub fn check(&self) -> Result<(), Violation> {
        lock(&self.log().violations)
            .first()
            .map_or(Ok(()), |first| Err(*first))
    }

    fn log(&self) -> &Log {
        &self.shared.log
    }

    /// The readiness of this clone is spent, or given up.
    fn spend_readiness(&mut self) -> bool {
        let was_ready = std::mem::take(&mut self.ready);
        if was_ready {
            self.log().ready_clones.fetch_sub(1, Ordering::SeqCst);
        }
        was_ready
    }
}

impl<Req, Res, E> Service<Req> for ServiceProbe<Req, Res, E>
where
    Req: Send + 'static,
    Res: Send + 'static,
    E: Send + 'static,
{
    type Response = Res;
    type Error = E;
    type Future = ProbeFuture<Res, E>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        self.log().polls.fetch_add(1, Ordering::SeqCst);
        let mut readiness = lock(&self.shared.readiness);
        if let Some(error) = readiness.failure.take() {
            return Poll::Ready(Err(error));
        }
        if readiness.busy {
            readiness.waiting.push(cx.waker().clone());
            return Poll::Pending;
        }
        drop(readiness);
        if !std::mem::replace(&mut self.ready, true) {
            self.log().ready_clones.fetch_add(1, Ordering::SeqCst);
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let was_ready = self.spend_readiness();
        let log = self.log();
        if !was_ready {
            let another_was_ready = log.ready_clones.load(Ordering::SeqCst) > 0;
            lock(&log.violations).push(Violation::CalledUnready { another_was_ready });
        }
        log.calls.fetch_add(1, Ordering::SeqCst);
        let in_flight = log.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        log.peak.fetch_max(in_flight, Ordering::SeqCst);
        // Made now, not when the future is first polled: one that never is was in flight too.
        let flight = Flight {
            log: Arc::clone(&self.shared.log),
            completed: false,
        };
        let shared = Arc::clone(&self.shared);
        let held = lock(&log.held).clone();
        ProbeFuture {
            answer: Box::pin(async move {
                if let Some(held) = held {
                    // Closed is released, too.
                    if let Ok(permit) = held.acquire().await {
                        permit.forget();
                    }
                }
                let answer = (shared.answer)(request);
                flight.complete();
                answer
            }),
        }
    }
}

/// Manual: a clone is not ready, whatever the original is.
impl<Req, Res, E> Clone for ServiceProbe<Req, Res, E> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            ready: false,
        }
    }
}

impl<Req, Res, E> Drop for ServiceProbe<Req, Res, E> {
    fn drop(&mut self) {
        self.spend_readiness();
    }
}

impl<Req, Res, E> fmt::Debug for ServiceProbe<Req, Res, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceProbe")
            .field("ready", &self.ready)
            .field("log", self.log())
            .finish()
    }
}

/// The answer to a call of a [`ServiceProbe`].
pub struct ProbeFuture<Res, E> {
    answer: Pin<Box<dyn Future<Output = Result<Res, E>> + Send>>,
}

impl<Res, E> Future for ProbeFuture<Res, E> {
    type Output = Result<Res, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.answer.as_mut().poll(cx)
    }
}

impl<Res, E> fmt::Debug for ProbeFuture<Res, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeFuture").finish_non_exhaustive()
    }
}

/// A call from its beginning to its answer, or to its being dropped.
struct Flight {
    log: Arc<Log>,
    completed: bool,
}

impl Flight {
    fn complete(mut self) {
        self.completed = true;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let count = if self.completed {
            &self.log.completed
        } else {
            &self.log.dropped
        };
        count.fetch_add(1, Ordering::SeqCst);
        self.log.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
