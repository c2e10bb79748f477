use std::{future::Future, pin::pin, sync::atomic::Ordering, task::Poll, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use super::rig::{Answer, HANDLER, Rig, Way, entry};
use crate::{
    engine::{Admission, Settings},
    store::Lease,
};

#[tokio::test(start_paused = true)]
async fn the_first_caller_may_hang_up() {
    let rig = Rig::new(Answer::Storable);
    let first = rig.spawn();
    let others: Vec<_> = (0..10).map(|_| rig.spawn()).collect();
    sleep(HANDLER / 2).await;
    first.abort();
    for other in others {
        assert_eq!(other.await.unwrap(), (Way::Copied, 1));
    }
    assert_eq!(rig.runs(), 1);
}

#[tokio::test(start_paused = true)]
async fn when_a_leader_vanishes_exactly_one_other_takes_its_place() {
    let rig = Rig::new(Answer::Storable);
    let Admission::Lead(fill) = rig.admit().await else {
        panic!("a cold key")
    };
    let others: Vec<_> = (0..10).map(|_| rig.spawn()).collect();
    sleep(HANDLER).await;
    assert_eq!(rig.runs(), 0);
    drop(fill);
    let mut led = 0;
    for other in others {
        let (way, run) = other.await.unwrap();
        assert_eq!(run, 1);
        led += usize::from(way == Way::Led);
    }
    assert_eq!((led, rig.runs()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_fill_is_a_leader_that_vanishes() {
    let rig = Rig::new(Answer::Storable);
    let Admission::Lead(fill) = rig.admit().await else {
        panic!("a cold key")
    };
    let waits = rig.spawn();
    sleep(Duration::from_millis(1)).await;
    let task = tokio::spawn(async move {
        let _fill = fill;
        panic!("a handler's bug");
    });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(waits.await.unwrap(), (Way::Led, 1));
}

/// Whatever a request is doing when it goes away: the key is free again before a lease would have ended, and no
/// permit is lost.
#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_at_any_point_leaves_nothing_behind() {
    let rig = Rig::with(Answer::Storable, Settings::default());
    let permits = rig.engine.fills.available_permits();
    for polls in 0.. {
        let finished = polled(polls, rig.request()).await;
        let start = Instant::now();
        let (_, run) = timeout(Lease::TTL, rig.request())
            .await
            .expect("the key is not stuck");
        assert!(
            run > 0 && start.elapsed() < Lease::TTL,
            "after {polls} polls"
        );
        rig.invalidate().await;
        sleep(2 * HANDLER).await;
        assert_eq!(
            rig.engine.fills.available_permits(),
            permits,
            "after {polls} polls"
        );
        assert!(rig.engine.flights.is_empty(), "after {polls} polls");
        if finished {
            assert!(polls > 1, "a request waits at least once");
            break;
        }
    }
}

/// The same for a fill that is dropped while it stores.
#[tokio::test(start_paused = true)]
async fn a_fill_that_is_dropped_at_any_point_leaves_nothing_behind() {
    let rig = Rig::new(Answer::Storable);
    for polls in 0.. {
        let Admission::Lead(fill) = rig.admit().await else {
            panic!("nothing is stored")
        };
        let finished = polled(polls, fill.store(entry(0), Vec::new(), HANDLER)).await;
        let (_, run) = timeout(Lease::TTL, rig.request())
            .await
            .expect("the key is not stuck");
        assert!(run <= rig.runs.load(Ordering::SeqCst));
        rig.invalidate().await;
        if finished {
            break;
        }
    }
    sleep(HANDLER).await;
    assert!(rig.engine.flights.is_empty());
}

/// A driver dies with its runtime; the other runtimes of the process go on.
#[test]
fn a_runtime_that_stops_strands_nobody_on_another_one() {
    let rig = Rig::new(Answer::Storable);
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let (stopping, staying) = (runtime(), runtime());
    let fill = stopping.block_on(rig.admit());
    let waits = {
        let _entered = staying.enter();
        rig.spawn()
    };
    staying.block_on(async { sleep(Duration::from_millis(1)).await });
    drop(stopping);
    drop(fill);
    let (way, _) = staying.block_on(waits).unwrap();
    assert!(matches!(way, Way::Alone(_)), "{way:?}");
    assert!(rig.engine.flights.is_empty());
}

/// Polls a future so many times at most, then drops it.
async fn polled<F: Future>(polls: usize, future: F) -> bool {
    let mut future = pin!(future);
    let mut polled = 0;
    std::future::poll_fn(|cx| {
        if polled == polls {
            return Poll::Ready(false);
        }
        polled += 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if polled == polls => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
