//! One middleware that is right, and for each rule one that breaks it.

use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::sync::Mutex;
use tower_service::Service;

use super::{ServiceProbe, Violation, contract};

type Probe = ServiceProbe<u8, u8, &'static str>;
type Future = Pin<Box<dyn std::future::Future<Output = Result<u8, &'static str>> + Send>>;

/// Answers 0 with an error and the rest with itself.
fn probe() -> Probe {
    ServiceProbe::answering(|number| if number == 0 { Err("zero") } else { Ok(number) })
}

/// What a middleware does with what it wraps.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Right,
    NeverPolls,
    CallsAClone,
    RemembersReadiness,
    LosesTheWaker,
    ChangesErrors,
    ChangesErrorsOfReadiness,
    Spawns,
    OneAtATime,
    AnswersItself,
}

#[derive(Clone)]
struct Middleware {
    inner: Probe,
    way: Way,
    // Derived Clone copies it: the mistake of `RemembersReadiness`.
    was_ready: bool,
    turn: Arc<Mutex<()>>,
}

impl Middleware {
    fn new(inner: &Probe, way: Way) -> Self {
        Self {
            inner: inner.clone(),
            way,
            was_ready: false,
            turn: Arc::default(),
        }
    }
}

impl Service<u8> for Middleware {
    type Response = u8;
    type Error = &'static str;
    type Future = Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        match self.way {
            Way::NeverPolls => Poll::Ready(Ok(())),
            Way::RemembersReadiness if self.was_ready => Poll::Ready(Ok(())),
            Way::LosesTheWaker => self
                .inner
                .poll_ready(&mut Context::from_waker(Waker::noop())),
            Way::ChangesErrorsOfReadiness => self.inner.poll_ready(cx).map_err(|_| "changed"),
            _ => {
                let poll = self.inner.poll_ready(cx);
                self.was_ready = poll.is_ready();
                poll
            }
        }
    }

    fn call(&mut self, request: u8) -> Future {
        self.was_ready = false;
        let clone = self.inner.clone();
        let (mut called, turn) = match self.way {
            Way::CallsAClone => (clone, None),
            Way::OneAtATime => (
                std::mem::replace(&mut self.inner, clone),
                Some(Arc::clone(&self.turn)),
            ),
            _ => (std::mem::replace(&mut self.inner, clone), None),
        };
        let way = self.way;
        let response = async move {
            let _turn = match &turn {
                Some(turn) => Some(turn.lock().await),
                None => None,
            };
            called.call(request).await
        };
        match way {
            Way::AnswersItself => Box::pin(ready(Ok(request))),
            Way::ChangesErrors => Box::pin(async { response.await.map_err(|_| "changed") }),
            Way::Spawns => {
                let task = tokio::spawn(response);
                Box::pin(async { task.await.unwrap() })
            }
            _ => Box::pin(response),
        }
    }
}

async fn readiness(way: Way) -> Result<(), Violation> {
    let probe = probe();
    contract::readiness(&probe, Middleware::new(&probe, way), || 1).await
}

async fn clones(way: Way) -> Result<(), Violation> {
    let probe = probe();
    contract::clones(&probe, Middleware::new(&probe, way), || 1).await
}

fn backpressure(way: Way) -> Result<(), Violation> {
    let probe = probe();
    contract::backpressure(&probe, Middleware::new(&probe, way))
}

async fn errors(way: Way) -> Result<(), Violation> {
    let probe = probe();
    contract::errors(&probe, Middleware::new(&probe, way), 0, || "zero").await
}

async fn cancellation(way: Way) -> Result<(), Violation> {
    let probe = probe();
    contract::cancellation(&probe, Middleware::new(&probe, way), || 1).await
}

async fn concurrency(way: Way) -> Result<(), Violation> {
    let probe = probe();
    contract::concurrency(&probe, Middleware::new(&probe, way), || 1).await
}

#[tokio::test]
async fn a_middleware_that_is_right_breaks_no_rule() {
    assert_eq!(readiness(Way::Right).await, Ok(()));
    assert_eq!(clones(Way::Right).await, Ok(()));
    assert_eq!(backpressure(Way::Right), Ok(()));
    assert_eq!(errors(Way::Right).await, Ok(()));
    assert_eq!(cancellation(Way::Right).await, Ok(()));
    assert_eq!(concurrency(Way::Right).await, Ok(()));
}

#[tokio::test]
async fn calling_what_was_not_polled_is_seen() {
    let unready = Violation::CalledUnready {
        another_was_ready: false,
    };
    assert_eq!(readiness(Way::NeverPolls).await, Err(unready));
    let another = Violation::CalledUnready {
        another_was_ready: true,
    };
    assert_eq!(readiness(Way::CallsAClone).await, Err(another));
}

#[tokio::test]
async fn a_clone_that_takes_readiness_along_is_seen() {
    assert_eq!(readiness(Way::RemembersReadiness).await, Ok(()));
    let another = Violation::CalledUnready {
        another_was_ready: true,
    };
    assert_eq!(clones(Way::RemembersReadiness).await, Err(another));
}

#[test]
fn being_ready_too_early_or_never_again_is_seen() {
    assert_eq!(backpressure(Way::NeverPolls), Err(Violation::ReadyTooEarly));
    assert_eq!(backpressure(Way::LosesTheWaker), Err(Violation::NotWoken));
}

#[tokio::test]
async fn changed_errors_are_seen() {
    assert_eq!(errors(Way::ChangesErrors).await, Err(Violation::ErrorLost));
    assert_eq!(
        errors(Way::ChangesErrorsOfReadiness).await,
        Err(Violation::ErrorLost)
    );
}

#[tokio::test]
async fn an_inner_future_that_lives_on_is_seen() {
    assert_eq!(cancellation(Way::Spawns).await, Err(Violation::FutureKept));
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_for_each_other_are_seen() {
    let serialised = Violation::Serialised { peak: 1, wanted: 3 };
    assert_eq!(concurrency(Way::OneAtATime).await, Err(serialised));
}

#[tokio::test]
async fn a_middleware_that_never_calls_shows_nothing() {
    assert_eq!(
        readiness(Way::AnswersItself).await,
        Err(Violation::NeverCalled)
    );
    assert_eq!(
        cancellation(Way::AnswersItself).await,
        Err(Violation::NeverCalled)
    );
}

#[tokio::test]
async fn a_probe_counts_what_is_answered_and_what_is_dropped() {
    let probe = probe();
    probe.hold();
    let mut services = [probe.clone(), probe.clone(), probe.clone()];
    let mut futures = Vec::new();
    for service in &mut services {
        poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
        futures.push(service.call(1));
    }
    assert_eq!((probe.in_flight(), probe.peak(), probe.calls()), (3, 3, 3));
    drop(futures.pop());
    assert_eq!((probe.in_flight(), probe.dropped()), (2, 1));
    probe.release(1);
    assert_eq!(futures.pop().unwrap().await, Ok(1));
    assert_eq!((probe.in_flight(), probe.completed()), (1, 1));
    probe.release_all();
    assert_eq!(futures.pop().unwrap().await, Ok(1));
    assert_eq!(
        (
            probe.in_flight(),
            probe.completed(),
            probe.dropped(),
            probe.peak()
        ),
        (0, 2, 1, 3)
    );
    assert_eq!(probe.check(), Ok(()));
}

#[tokio::test]
async fn a_dropped_clone_is_not_another_that_was_ready() {
    let probe = probe();
    let mut ready = probe.clone();
    poll_fn(|cx| ready.poll_ready(cx)).await.unwrap();
    drop(ready);
    let _ = probe.clone().call(1).await;
    assert_eq!(
        probe.violations(),
        [Violation::CalledUnready {
            another_was_ready: false
        }]
    );
}
