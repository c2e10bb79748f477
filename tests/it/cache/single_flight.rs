//! One process, on both backends.

use std::{
    convert::Infallible,
    future::{pending, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use testkit::eventually;
use tokio::sync::Barrier;
use tower_keep_cache::{Cache, LoadError};
use tower_keep_core::connection::ConnectionManager;

use super::setup::{Runs, SOON, shared, tagged};

const LOADER: Duration = Duration::from_millis(200);

async fn backends() -> [Cache; 2] {
    let memory = Cache::new(ConnectionManager::open("memory:").unwrap());
    [memory, shared().await]
}

/// So many requests for one key at the same time.
async fn ask<T, E, F, L>(
    cache: &Cache,
    count: usize,
    loader: impl Fn() -> F,
) -> Vec<Result<T, LoadError<E>>>
where
    T: serde::de::DeserializeOwned + serde::Serialize + Send + 'static,
    E: Send + Sync + 'static,
    F: FnOnce() -> L + Send + 'static,
    L: Future<Output = Result<T, E>> + Send + 'static,
{
    let requests: Vec<_> = (0..count)
        .map(|_| {
            let (cache, loader) = (cache.clone(), loader());
            tokio::spawn(async move { cache.get_or_load("key", tagged("tag"), loader).await })
        })
        .collect();
    let mut answers = Vec::new();
    for request in requests {
        answers.push(request.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn five_hundred_requests_for_a_cold_key_run_one_load() {
    for cache in backends().await {
        let runs = Runs::default();
        let answers = ask(&cache, 500, || runs.load(LOADER, Ok::<_, Infallible>)).await;
        assert_eq!(runs.count(), 1);
        assert!(answers.into_iter().all(|answer| answer.unwrap() == 1));
    }
}

#[tokio::test]
async fn a_failure_is_shared_by_those_who_waited_and_is_not_cached() {
    for cache in backends().await {
        let runs = Runs::default();
        let failing = || runs.load(LOADER, |run| Err::<u32, _>(format!("failure {run}")));
        for answer in ask(&cache, 100, failing).await {
            let Err(LoadError::Load(error)) = answer else {
                panic!("{answer:?}")
            };
            assert_eq!(*error, "failure 1");
        }
        assert_eq!(runs.count(), 1, "no chain of leaders");
        let answers = ask(&cache, 1, || runs.load(LOADER, Ok::<_, Infallible>)).await;
        assert_eq!(
            answers.into_iter().map(Result::unwrap).collect::<Vec<_>>(),
            [2]
        );
    }
}

/// The barriers open only if all who stand before them run at the same time.
#[tokio::test]
async fn who_waits_for_a_value_that_cannot_be_kept_is_released_at_once_and_the_next_wave_does_not_wait()
 {
    for cache in backends().await {
        let cache = cache.max_entry_bytes(1000);
        let runs = Runs::default();
        let released = Arc::new(Barrier::new(49));
        let first_wave = || {
            let (load, released, runs) = (
                runs.load(LOADER, |run| run),
                Arc::clone(&released),
                runs.clone(),
            );
            move || async move {
                if load().await > 1 {
                    released.wait().await;
                }
                assert!(runs.peak() <= 49);
                Ok::<_, Infallible>("x".repeat(2000))
            }
        };
        assert_eq!(ask(&cache, 50, first_wave).await.len(), 50);
        let together = Arc::new(Barrier::new(50));
        let next_wave = || {
            let together = Arc::clone(&together);
            move || async move {
                together.wait().await;
                Ok::<_, Infallible>("x".repeat(2000))
            }
        };
        assert_eq!(ask(&cache, 50, next_wave).await.len(), 50);
    }
}

#[tokio::test]
async fn the_first_caller_may_go_away() {
    for cache in backends().await {
        let runs = Runs::default();
        let first = {
            let (cache, load) = (cache.clone(), runs.load(LOADER, Ok::<_, Infallible>));
            tokio::spawn(async move { cache.get_or_load("key", tagged("tag"), load).await })
        };
        eventually(SOON, async || runs.count() == 1).await;
        first.abort();
        let answers = ask(&cache, 10, || runs.load(LOADER, Ok::<_, Infallible>)).await;
        assert!(answers.into_iter().all(|answer| answer.unwrap() == 1));
        assert_eq!(runs.count(), 1);
    }
}

/// Wherever it is dropped: whoever asks next gets the value, and nothing has to run out before.
#[tokio::test]
async fn a_caller_that_goes_away_at_any_point_blocks_nobody() {
    for cache in backends().await {
        let runs = Runs::default();
        for polls in 0.. {
            cache.invalidate(["tag"]).await.unwrap();
            let load = runs.load(Duration::ZERO, Ok::<_, Infallible>);
            let finished = polled(polls, cache.get_or_load("key", tagged("tag"), load)).await;
            let answers = ask(&cache, 3, || runs.load(Duration::ZERO, Ok::<_, Infallible>)).await;
            let values: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
            assert!(
                values.iter().all(|value| *value == values[0]),
                "after {polls} polls: {values:?}"
            );
            if finished {
                break;
            }
        }
    }
}

/// Polls a future so many times at most, then drops it.
async fn polled<F: Future>(polls: usize, future: F) -> bool {
    let mut future = pin!(future);
    let mut polled = 0;
    poll_fn(|cx| {
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

#[tokio::test]
async fn a_panic_in_a_load_reaches_its_caller_and_somebody_else_loads() {
    for cache in backends().await {
        let runs = Runs::default();
        let first = {
            let cache = cache.clone();
            let load = runs.load(LOADER, |_| -> Result<usize, Infallible> {
                panic!("a bug in a loader")
            });
            tokio::spawn(async move { cache.get_or_load("key", tagged("tag"), load).await })
        };
        eventually(SOON, async || runs.count() == 1).await;
        let answers = ask(&cache, 10, || runs.load(LOADER, Ok::<_, Infallible>)).await;
        assert!(first.await.unwrap_err().is_panic());
        assert!(answers.into_iter().all(|answer| answer.unwrap() == 2));
        assert_eq!(runs.count(), 2);
    }
}

#[tokio::test]
async fn a_load_without_end_is_given_up_and_keeps_nobody_for_ever() {
    for cache in backends().await {
        let cache = cache
            .fill_timeout(Duration::from_millis(300))
            .wait_timeout(SOON);
        let hanging = || pending::<Result<u32, Infallible>>;
        let first = ask(&cache, 1, hanging).await;
        assert!(matches!(first[0], Err(LoadError::TimedOut)), "{first:?}");
        let runs = Runs::default();
        let waiting = {
            let cache = cache.clone();
            tokio::spawn(async move { ask(&cache, 1, hanging).await })
        };
        let answers = ask(&cache, 10, || {
            runs.load(Duration::ZERO, Ok::<_, Infallible>)
        })
        .await;
        assert!(answers.into_iter().all(|answer| answer.unwrap_or(0) <= 1));
        waiting.await.unwrap();
    }
}
