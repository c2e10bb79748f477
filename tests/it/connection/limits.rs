//! Deadlines, and places in flight.

use std::{pin::pin, time::Duration};

use testkit::{RedisServer, eventually};
use tower_keep_core::connection::{CommandError, ConnectionManager, Profile};

use super::{SOON, attach, connect, is_pending};

const PATIENT: &str = "stall_age=3600s&reconnect_after_silence=3600s&probe_interval=3600s";

#[tokio::test]
async fn handles_that_share_a_manager_keep_their_own_deadlines() {
    let manager = ConnectionManager::open("redis://127.0.0.1:1").unwrap();
    let sessions = attach(&manager, &Profile::SESSION);
    let cache = attach(&manager.clone(), &Profile::CACHE);
    assert_eq!(sessions.deadline(), Duration::from_millis(500));
    assert_eq!(cache.deadline(), Duration::from_millis(50));
    // What is left of a request's time can only shorten it.
    assert_eq!(
        cache.within(Duration::from_millis(7)).deadline(),
        Duration::from_millis(7)
    );
    assert_eq!(cache.within(SOON).deadline(), Duration::from_millis(50));

    let manager = ConnectionManager::open("redis://127.0.0.1:1?command_timeout=20ms").unwrap();
    assert_eq!(
        attach(&manager, &Profile::SESSION).deadline(),
        Duration::from_millis(20)
    );
    let manager = ConnectionManager::builder("redis://127.0.0.1:1?command_timeout=20ms").unwrap();
    let manager = manager
        .command_timeout(Duration::from_millis(30))
        .open()
        .unwrap();
    assert_eq!(
        attach(&manager, &Profile::SESSION).deadline(),
        Duration::from_millis(30)
    );
}

#[tokio::test]
async fn no_more_are_in_flight_than_allowed() {
    let server = RedisServer::start().await;
    let url = format!(
        "{}?{PATIENT}&command_timeout=3600s&in_flight=8",
        server.url()
    );
    let (_manager, redis) = connect(&url, &Profile::CACHE).await;

    server.pause();
    let mut waiting: Vec<_> = (0..8)
        .map(|_| Box::pin(redis.incr_by("n".into(), 1)))
        .collect();
    for operation in &mut waiting {
        assert!(is_pending(operation.as_mut()));
    }
    assert_eq!(redis.get("n".into()).await, Err(CommandError::Overloaded));
    assert_eq!(
        redis.incr_by("n".into(), 1).await,
        Err(CommandError::Overloaded)
    );

    server.resume();
    for operation in waiting {
        operation.await.unwrap();
    }
    assert_eq!(redis.get("n".into()).await.unwrap().unwrap(), "8");
}

#[tokio::test]
async fn a_dropped_operation_keeps_its_place_until_its_deadline_and_is_sent_once() {
    let server = RedisServer::start().await;
    let url = format!("{}?{PATIENT}&command_timeout=1s&in_flight=4", server.url());
    let (_manager, redis) = connect(&url, &Profile::CACHE).await;

    server.pause();
    for _ in 0..4 {
        let mut operation = pin!(redis.incr_by("n".into(), 1));
        assert!(is_pending(operation.as_mut()));
    }
    // Dropped, and still there.
    for _ in 0..100 {
        assert_eq!(
            redis.incr_by("n".into(), 1).await,
            Err(CommandError::Overloaded)
        );
    }
    // Dropped before it was polled, an operation never began.
    drop(redis.incr_by("n".into(), 1));

    // Their places are free at their deadlines, although the server is still silent.
    eventually(SOON, async || {
        redis
            .within(Duration::from_millis(1))
            .get("other".into())
            .await
            == Err(CommandError::Deadline)
    })
    .await;

    server.resume();
    eventually(SOON, async || redis.ping().await.is_ok()).await;
    assert_eq!(
        redis.get("n".into()).await.unwrap().unwrap(),
        "4",
        "sent once each, and no others"
    );
}

#[tokio::test]
async fn what_was_dropped_while_redis_was_gone_is_not_sent_when_it_is_back() {
    let server = RedisServer::start().await;
    let (manager, redis) = connect(&server.url(), &Profile::SESSION).await;
    server.kill();
    for _ in 0..100 {
        let mut operation = pin!(redis.incr_by("n".into(), 1));
        is_pending(operation.as_mut());
    }
    eventually(SOON, async || !manager.health().is_up()).await;
    for _ in 0..100 {
        let _ = redis.incr_by("n".into(), 1).await;
    }
    server.restart().await;
    manager.connected(SOON).await.unwrap();
    assert_eq!(redis.get("n".into()).await, Ok(None));
}
