//! The rules, one function each. `service` is the middleware around a clone of `probe`; both are used up by one rule.
//!
//! A rule that a middleware breaks on purpose is not asked of it: a guard that is open is ready whatever it wraps, and a
//! cache goes on filling when its client has gone.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tower_service::Service;

use super::{ServiceProbe, Violation};

/// How long a call may take to reach the inner service.
const PATIENCE: Duration = Duration::from_secs(5);

/// A call uses up the readiness of the value that was polled, and the next call needs its own.
///
/// # Errors
/// The rule that is broken.
pub async fn readiness<Req, Res, E, S>(
    probe: &ServiceProbe<Req, Res, E>,
    mut service: S,
    request: impl Fn() -> Req,
) -> Result<(), Violation>
where
    S: Service<Req>,
{
    for _ in 0..2 {
        let _ = ready(&mut service).await;
        let _ = service.call(request()).await;
    }
    called(probe)
}

/// A clone of a ready middleware is not ready: it asks what it wraps before it calls it.
///
/// # Errors
/// The rule that is broken.
pub async fn clones<Req, Res, E, S>(
    probe: &ServiceProbe<Req, Res, E>,
    mut service: S,
    request: impl Fn() -> Req,
) -> Result<(), Violation>
where
    S: Clone + Service<Req>,
{
    let _ = ready(&mut service).await;
    let mut clone = service.clone();
    let _ = ready(&mut clone).await;
    let _ = clone.call(request()).await;
    let _ = service.call(request()).await;
    called(probe)
}

/// A middleware around a busy service is busy, and is woken when that is not busy any more.
///
/// # Errors
/// The rule that is broken.
pub fn backpressure<Req, Res, E, S>(
    probe: &ServiceProbe<Req, Res, E>,
    mut service: S,
) -> Result<(), Violation>
where
    S: Service<Req>,
{
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(Arc::clone(&flag));
    let mut cx = Context::from_waker(&waker);
    probe.be_busy();
    if service.poll_ready(&mut cx).is_ready() {
        return Err(Violation::ReadyTooEarly);
    }
    probe.be_ready();
    if flag.0.load(Ordering::SeqCst) && service.poll_ready(&mut cx).is_ready() {
        probe.check()
    } else {
        Err(Violation::NotWoken)
    }
}

/// Errors of the inner service come out as they are, those of `poll_ready` and those of calls. The probe has to answer
/// `request` with the error that `error` makes.
///
/// # Errors
/// The rule that is broken.
pub async fn errors<Req, Res, E, S>(
    probe: &ServiceProbe<Req, Res, E>,
    mut service: S,
    request: Req,
    error: impl Fn() -> E,
) -> Result<(), Violation>
where
    S: Clone + Service<Req, Error = E>,
    E: PartialEq,
{
    probe.fail_ready(error());
    if ready(&mut service.clone()).await.err() != Some(error()) {
        return Err(Violation::ErrorLost);
    }
    if ready(&mut service).await.is_err() || service.call(request).await.err() != Some(error()) {
        return Err(Violation::ErrorLost);
    }
    called(probe)
}

/// With the response future goes the inner one: one that was never polled, and one that is half way.
///
/// # Errors
/// The rule that is broken.
pub async fn cancellation<Req, Res, E, S>(
    probe: &ServiceProbe<Req, Res, E>,
    mut service: S,
    request: impl Fn() -> Req,
) -> Result<(), Violation>
where
    S: Service<Req>,
{
    probe.hold();
    let _ = ready(&mut service).await;
    drop(service.call(request()));
    if probe.in_flight() > 0 {
        return Err(Violation::FutureKept);
    }
    let _ = ready(&mut service).await;
    {
        let mut response = pin!(service.call(request()));
        in_flight(probe, 1, |cx| response.as_mut().poll(cx).is_ready()).await;
    }
    if probe.in_flight() > 0 {
        return Err(Violation::FutureKept);
    }
    called(probe)
}

/// Calls on clones are in flight together.
///
/// # Errors
/// The rule that is broken.
pub async fn concurrency<Req, Res, E, S>(
    probe: &ServiceProbe<Req, Res, E>,
    service: S,
    request: impl Fn() -> Req,
) -> Result<(), Violation>
where
    S: Clone + Service<Req>,
{
    const WANTED: usize = 3;
    probe.hold();
    let mut services = [(); WANTED].map(|()| service.clone());
    let mut responses = Vec::new();
    for service in &mut services {
        let _ = ready(service).await;
        responses.push(Box::pin(service.call(request())));
    }
    in_flight(probe, WANTED, |cx| {
        responses.retain_mut(|response| response.as_mut().poll(cx).is_pending());
        responses.is_empty()
    })
    .await;
    probe.release_all();
    for response in responses {
        let _ = response.await;
    }
    match probe.peak() {
        peak if peak < WANTED => Err(Violation::Serialised {
            peak,
            wanted: WANTED,
        }),
        _ => called(probe),
    }
}

/// Polls until `wanted` calls have reached the probe, or `poll` says that there is nothing left to poll, or it is clear
/// that they never will. What a middleware does before it calls, such as asking Redis, takes its time.
async fn in_flight<Req, Res, E>(
    probe: &ServiceProbe<Req, Res, E>,
    wanted: usize,
    mut poll: impl FnMut(&mut Context<'_>) -> bool,
) {
    let driving = async {
        while !poll_fn(|cx| Poll::Ready(poll(cx))).await && probe.in_flight() < wanted {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let _ = timeout(PATIENCE, driving).await;
}

/// A test that reaches nothing shows nothing.
fn called<Req, Res, E>(probe: &ServiceProbe<Req, Res, E>) -> Result<(), Violation> {
    if probe.calls() == 0 {
        Err(Violation::NeverCalled)
    } else {
        probe.check()
    }
}

async fn ready<Req, S: Service<Req>>(service: &mut S) -> Result<(), S::Error> {
    poll_fn(|cx| service.poll_ready(cx)).await
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}
