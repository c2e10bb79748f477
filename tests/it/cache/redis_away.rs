//! Redis gone, full, or back with an older state.

use std::{convert::Infallible, time::Duration};

use testkit::{RedisServer, eventually};
use tower_keep_cache::{Cache, InvalidateError, PutError};

use super::setup::{Row, Runs, SOON, cache, tagged};

async fn read(cache: &Cache, row: &Row) -> u64 {
    let row = row.clone();
    let load = move || async move { Ok::<_, Infallible>(row.read()) };
    cache.get_or_load("key", tagged("tag"), load).await.unwrap()
}

#[tokio::test]
async fn requests_go_on_and_one_load_still_serves_all_who_wait() {
    let redis = RedisServer::start().await;
    let cache = cache(&redis.url(), "away").await;
    redis.kill();
    let runs = Runs::default();
    for wave in 1..=3 {
        let before = runs.count();
        let requests: Vec<_> = (0..100)
            .map(|_| {
                let cache = cache.clone();
                let load = runs.load(Duration::from_millis(500), Ok::<_, Infallible>);
                tokio::spawn(async move { cache.get_or_load("key", tagged("tag"), load).await })
            })
            .collect();
        for request in requests {
            assert!(
                request.await.unwrap().unwrap() > before,
                "nothing is stored"
            );
        }
        // One that runs, and one for those who came when it had begun.
        assert!(
            runs.count() - before <= 2,
            "wave {wave}: {} loads",
            runs.count() - before
        );
    }
    assert!(!cache.health().is_up());
    redis.restart().await;
    let row = Row::default();
    eventually(SOON, async || {
        let before = runs.count();
        let load = runs.load(Duration::ZERO, Ok::<_, Infallible>);
        cache
            .get_or_load("other", tagged("tag"), load)
            .await
            .unwrap();
        runs.count() == before
    })
    .await;
    assert_eq!(read(&cache, &row).await, 0);
}

#[tokio::test]
async fn a_put_is_an_error_and_a_read_is_not() {
    let redis = RedisServer::start().await;
    let cache = cache(&redis.url(), "away").await;
    redis.kill();
    eventually(SOON, async || !cache.health().is_up()).await;
    assert_eq!(read(&cache, &Row::default()).await, 0);
    let put = cache
        .put("key", tagged("tag"), || async { Ok::<_, Infallible>(1) })
        .await;
    assert!(matches!(put, Err(PutError::Redis(_))), "{put:?}");
}

/// Full: Redis refuses to write, and answers reads. So the old entry could be had.
#[tokio::test]
async fn what_an_unacknowledged_invalidation_concerns_is_not_served_until_it_is_acknowledged() {
    let redis = RedisServer::start().await;
    let here = cache(&redis.url(), "full").await;
    let there = cache(&redis.url(), "full").await;
    let mut client = redis.client().await;
    let (row, unconcerned) = (Row::default(), Row::default());
    let read_other = || {
        let unconcerned = unconcerned.clone();
        let load = move || async move { Ok::<_, Infallible>(unconcerned.read()) };
        here.get_or_load("other", tagged("other"), load)
    };
    assert_eq!(read(&here, &row).await, 0);
    assert_eq!(read_other().await.unwrap(), 0);
    row.write();
    unconcerned.write();

    client.words("CONFIG SET maxmemory 1").await;
    let error = here.invalidate(["tag"]).await.unwrap_err();
    assert!(matches!(error, InvalidateError::Pending(_)));
    assert!(error.to_string().contains("is retried"), "{error}");
    assert_eq!(here.pending_invalidations(), 1);
    for _ in 0..10 {
        assert_eq!(
            read(&here, &row).await,
            1,
            "loaded: what is there is from before"
        );
    }
    assert_eq!(read_other().await.unwrap(), 0, "everything else is served");
    assert_eq!(read(&there, &row).await, 0, "no other process can know");
    assert!(here.flush().await.is_err());
    assert_eq!(
        read_other().await.unwrap(),
        1,
        "a flush concerns everything"
    );

    client.words("CONFIG SET maxmemory 0").await;
    eventually(SOON, async || here.pending_invalidations() == 0).await;
    assert_eq!(read(&there, &row).await, 1);
    row.write();
    assert_eq!(read(&here, &row).await, 1, "served from the cache again");
}

/// The caller of `invalidate` goes away before Redis has answered.
#[tokio::test]
async fn an_invalidation_goes_on_without_its_caller() {
    let redis = RedisServer::start().await;
    let cache = cache(&redis.url(), "gone").await;
    let row = Row::default();
    assert_eq!(read(&cache, &row).await, 0);
    row.write();
    redis.pause();
    let call = tokio::time::timeout(Duration::from_millis(20), cache.invalidate(["tag"])).await;
    assert!(call.is_err(), "a stopped server does not answer");
    assert_eq!(cache.pending_invalidations(), 1);
    redis.resume();
    eventually(SOON, async || cache.pending_invalidations() == 0).await;
    eventually(SOON, async || read(&cache, &row).await == 1).await;
}

/// A backup, or a replica that had not heard of the invalidation.
#[tokio::test]
async fn a_redis_that_comes_back_with_an_older_state_is_flushed_before_it_is_believed() {
    let redis = RedisServer::start().await;
    let cache = cache(&redis.url(), "older").await;
    let row = Row::default();
    assert_eq!(read(&cache, &row).await, 0);
    let snapshot = redis.snapshot().await;
    row.write();
    cache.invalidate(["tag"]).await.unwrap();
    assert_eq!(read(&cache, &row).await, 1);
    redis.restart_from(&snapshot).await;
    let runs = Runs::default();
    eventually(SOON, async || {
        let before = runs.count();
        let (load, row) = (runs.load(Duration::ZERO, |_| ()), row.clone());
        let load = move || async move {
            load().await;
            Ok::<_, Infallible>(row.read())
        };
        let value = cache.get_or_load("key", tagged("tag"), load).await.unwrap();
        assert_eq!(value, 1, "nothing from the older state is ever served");
        runs.count() == before
    })
    .await;
}
