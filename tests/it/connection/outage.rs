//! Redis goes away: how that is found out, and what is not to be taken for it.

use std::{pin::pin, time::Duration};

use testkit::{RedisServer, eventually};
use tokio::time::timeout;
use tower_keep_core::connection::{Class, CommandError, Profile, Redis};

use super::{SOON, connect, is_pending, load::Load, text};

fn gets(redis: &Redis) -> Load {
    let redis = redis.clone();
    Load::start(move || {
        let redis = redis.clone();
        async move { redis.get("key".into()).await }
    })
}

#[tokio::test]
async fn a_dead_connection_is_replaced() {
    let server = RedisServer::start().await;
    let (manager, redis) = connect(&server.url(), &Profile::CACHE).await;
    let load = gets(&redis);
    load.serves(20).await;
    let connections = redis.generation();

    server.pause();
    load.refuses(1).await;
    // The old connection has been given up, and the kernel has accepted a new one for the stopped server.
    eventually(SOON, async || {
        manager.health().to_string().contains("handshake")
    })
    .await;
    server.resume();
    load.serves(20).await;
    eventually(SOON, async || redis.generation() > connections).await;
    manager.connected(SOON).await.unwrap();
}

#[tokio::test]
async fn a_quiet_connection_notices_too() {
    let server = RedisServer::start().await;
    let url = format!("{}?probe_interval=100ms", server.url());
    let (manager, redis) = connect(&url, &Profile::CACHE).await;
    let mut watch = manager.watch();
    assert!(watch.current().is_up());

    server.pause();
    eventually(SOON, async || !watch.changed().await.is_up()).await;
    eventually(SOON, async || {
        !redis.is_up(Class::Read) && !redis.is_up(Class::Write)
    })
    .await;
    assert_eq!(
        redis.get("key".into()).await,
        Err(CommandError::Unavailable)
    );

    server.resume();
    eventually(SOON, async || watch.changed().await.is_up()).await;
    assert_eq!(redis.get("key".into()).await, Ok(None));
}

#[tokio::test]
async fn who_waits_already_is_woken_when_the_gate_trips() {
    let server = RedisServer::start().await;
    // It would wait for an hour.
    let url = format!("{}?command_timeout=3600s&stall_age=50ms", server.url());
    let (_manager, redis) = connect(&url, &Profile::CACHE).await;

    server.pause();
    assert_eq!(
        redis.get("key".into()).await,
        Err(CommandError::Interrupted)
    );
    assert_eq!(
        redis
            .set("key".into(), text("value"), Default::default())
            .await,
        Err(CommandError::Unavailable)
    );
}

/// A runtime that does not run reads no replies, and all timers are late when it runs again.
#[tokio::test]
async fn a_starved_runtime_is_not_taken_for_a_stalled_redis() {
    let server = RedisServer::start().await;
    let url = format!("{}?stall_age=150ms&command_timeout=200ms", server.url());
    let (manager, redis) = connect(&url, &Profile::CACHE).await;
    let connections = redis.generation();
    let mut watch = manager.watch();
    watch.current();
    for _ in 0..3 {
        let operations: Vec<_> = (0..20)
            .map(|_| {
                let redis = redis.clone();
                tokio::spawn(async move { redis.get("key".into()).await })
            })
            .collect();
        tokio::task::yield_now().await;
        std::thread::sleep(Duration::from_millis(800));
        for operation in operations {
            // In time or not, as it happens.
            let _ = operation.await.unwrap();
        }
        redis.ping().await.unwrap();
    }
    assert!(
        timeout(Duration::from_millis(50), watch.changed())
            .await
            .is_err()
    );
    assert_eq!(redis.generation(), connections);
}

/// As in a stream of buffered futures whose consumer is busy with the item before.
#[tokio::test]
async fn an_answer_that_nobody_picks_up_is_not_taken_for_a_stall() {
    let server = RedisServer::start().await;
    let url = format!("{}?command_timeout=3600s&stall_age=1s", server.url());
    let (manager, redis) = connect(&url, &Profile::CACHE).await;
    let mut watch = manager.watch();
    assert!(watch.current().is_up());
    let mut forgotten = pin!(redis.get("key".into()));
    assert!(is_pending(forgotten.as_mut()));
    assert!(
        timeout(Duration::from_millis(2500), watch.changed())
            .await
            .is_err()
    );
    assert_eq!(forgotten.await, Ok(None));

    // It is no licence to stall.
    server.pause();
    assert_eq!(
        redis.get("key".into()).await,
        Err(CommandError::Interrupted)
    );
}
