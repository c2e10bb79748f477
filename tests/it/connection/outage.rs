//! Redis goes away under a steady load: a few operations pay for finding out, then none, and nobody has to find out
//! that it is back.

use std::{pin::pin, time::Duration};

use testkit::{RedisServer, eventually};
use tokio::time::timeout;
use tower_keep_core::connection::{
    Class, CommandError, ConnectError, ConnectionManager, Profile, Redis, Script,
};

use super::{
    SOON, attach, connect, is_pending,
    load::{FEW, HICCUPS, Load},
    text,
};

fn gets(redis: &Redis) -> Load {
    let redis = redis.clone();
    Load::start(move || {
        let redis = redis.clone();
        async move { redis.get("key".into()).await }
    })
}

fn writes(redis: &Redis) -> Load {
    let redis = redis.clone();
    let script = Script::write("return redis.call('INCR', KEYS[1])");
    Load::start(move || {
        let (redis, script) = (redis.clone(), script.clone());
        async move { redis.script(&script, vec!["n".into()], Vec::new()).await }
    })
}

/// Few pay, then none.
pub(super) async fn trips(load: &Load, before: u64) {
    load.refuses(1).await;
    // Those that took off before it tripped land now.
    load.refuses(20).await;
    let paid = load.paid();
    assert!(paid - before <= FEW, "{} operations paid", paid - before);
    load.refuses(100).await;
    assert_eq!(
        load.paid(),
        paid,
        "operations paid after the gate had tripped"
    );
}

#[tokio::test]
async fn redis_that_is_absent_at_the_start_costs_nothing_and_is_found_when_it_comes() {
    let server = RedisServer::start().await;
    server.kill();
    let manager = ConnectionManager::open(&server.url()).unwrap();
    let redis = attach(&manager, &Profile::CACHE);

    let waited = manager.connected(Duration::from_millis(200)).await;
    let Err(ConnectError::TimedOut { cause, .. }) = waited else {
        panic!("{waited:?}")
    };
    assert!(cause.to_string().contains("Connection refused"), "{cause}");
    assert!(
        manager.health().to_string().contains("Connection refused"),
        "{}",
        manager.health()
    );
    assert_eq!(manager.incarnation(), None);

    let load = gets(&redis);
    load.refuses(50).await;
    assert_eq!((load.served(), load.paid()), (0, 0));

    server.restart().await;
    manager.connected(SOON).await.unwrap();
    load.serves(50).await;
    assert!(load.paid() <= HICCUPS);
    assert!(manager.incarnation().is_some());
}

#[tokio::test]
async fn sigkill_and_restart_under_load() {
    let server = RedisServer::start().await;
    let (manager, redis) = connect(&server.url(), &Profile::CACHE).await;
    let (reads, writes) = (gets(&redis), writes(&redis));
    reads.serves(50).await;
    writes.serves(50).await;
    let (before, life) = (manager.incarnation().unwrap(), redis.life());
    let paid = (reads.paid(), writes.paid());

    server.kill();
    tokio::join!(trips(&reads, paid.0), trips(&writes, paid.1));

    let paid = (reads.paid(), writes.paid());
    server.restart().await;
    reads.serves(50).await;
    writes.serves(50).await;
    assert!(reads.paid() - paid.0 <= HICCUPS && writes.paid() - paid.1 <= HICCUPS);
    let after = manager.incarnation().unwrap();
    assert_ne!(before.run_id, after.run_id);
    assert_eq!(redis.life(), life + 1);
}

#[tokio::test]
async fn sigstop_and_sigcont_under_load() {
    let server = RedisServer::start().await;
    let (manager, redis) = connect(&server.url(), &Profile::CACHE).await;
    let (reads, writes) = (gets(&redis), writes(&redis));
    reads.serves(50).await;
    writes.serves(50).await;
    let paid = (reads.paid(), writes.paid());

    server.pause();
    tokio::join!(trips(&reads, paid.0), trips(&writes, paid.1));
    assert!(!manager.health().is_up());

    let paid = (reads.paid(), writes.paid());
    server.resume();
    reads.serves(50).await;
    writes.serves(50).await;
    assert!(reads.paid() - paid.0 <= HICCUPS && writes.paid() - paid.1 <= HICCUPS);
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
async fn a_connection_that_the_server_closes_is_made_again() {
    let server = RedisServer::start().await;
    let (manager, redis) = connect(&server.url(), &Profile::CACHE).await;
    let load = gets(&redis);
    load.serves(20).await;
    let (connections, incarnation) = (redis.generation(), manager.incarnation());

    server
        .client()
        .await
        .words("CLIENT KILL TYPE normal SKIPME yes")
        .await;
    eventually(SOON, async || redis.generation() > connections).await;
    load.serves(20).await;
    assert_eq!(manager.incarnation(), incarnation, "it is the same server");
    assert!(load.paid() <= FEW);
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
    let url = format!("{}?command_timeout=3600s&stall_age=400ms", server.url());
    let (manager, redis) = connect(&url, &Profile::CACHE).await;
    let mut watch = manager.watch();
    assert!(watch.current().is_up());
    let mut forgotten = pin!(redis.get("key".into()));
    assert!(is_pending(forgotten.as_mut()));
    assert!(
        timeout(Duration::from_millis(1500), watch.changed())
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

#[tokio::test]
async fn paused_writes_pause_everything_and_nobody_pays_twice() {
    let server = RedisServer::start().await;
    let (_manager, redis) = connect(&server.url(), &Profile::CACHE).await;
    let (reads, writes) = (gets(&redis), writes(&redis));
    reads.serves(50).await;
    writes.serves(50).await;
    let paid = (reads.paid(), writes.paid());

    let mut client = server.client().await;
    client.words("CLIENT PAUSE 600000 WRITE").await;
    tokio::join!(trips(&reads, paid.0), trips(&writes, paid.1));
    // A connection that has sent a write is answered nothing more.
    let paid = (reads.paid(), writes.paid());
    reads.refuses(400).await;
    assert_eq!((reads.paid(), writes.paid()), paid);

    client.words("CLIENT UNPAUSE").await;
    reads.serves(50).await;
    writes.serves(50).await;
}
