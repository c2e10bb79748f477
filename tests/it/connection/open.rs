//! From the URL to the end.

use std::{sync::Mutex, time::Duration};

use testkit::{RedisServer, eventually};
use tokio::time::timeout;
use tower_keep_core::connection::{
    Backend, CommandError, ConnectError, ConnectionManager, OpenError, Profile, SetOptions,
};

use super::{SOON, connect, text};

#[tokio::test]
async fn a_bad_url_is_an_error_that_names_what_is_wrong() {
    for (url, named) in [
        ("http://localhost", "http"),
        ("redis://localhost?comand_timeout=20ms", "comand_timeout"),
        ("redis://localhost?command_timeout=fast", "command_timeout"),
        ("redis://localhost/first", "first"),
    ] {
        let message = ConnectionManager::open(url).unwrap_err().to_string();
        assert!(message.contains(named), "{url}: {message}");
    }
}

#[tokio::test]
async fn a_limit_of_zero_is_refused() {
    let builder = || ConnectionManager::builder("redis://localhost").unwrap();
    for (builder, named) in [
        (builder().command_timeout(Duration::ZERO), "command_timeout"),
        (builder().stall_age(Duration::ZERO), "stall_age"),
        (builder().connect_timeout(Duration::ZERO), "connect_timeout"),
        (builder().in_flight(0), "in_flight"),
    ] {
        let message = builder.open().unwrap_err().to_string();
        assert!(message.contains(named), "{named}: {message}");
    }
}

#[tokio::test]
async fn clusters_and_sentinels_are_understood() {
    let manager = ConnectionManager::open("redis-cluster://127.0.0.1:1,127.0.0.1:2").unwrap();
    let Backend::Redis(redis) = manager.attach(&Profile::SESSION) else {
        panic!("a cluster is Redis")
    };
    assert!(redis.is_cluster());
    assert_eq!(
        redis.get("key".into()).await,
        Err(CommandError::Unavailable)
    );
    ConnectionManager::open("redis-sentinel://127.0.0.1:1/2?sentinel_service=main").unwrap();
}

#[test]
fn outside_a_runtime_nothing_is_opened() {
    assert_eq!(
        ConnectionManager::open("redis://localhost").unwrap_err(),
        OpenError::NoRuntime
    );
    ConnectionManager::open("memory:").unwrap();
}

#[tokio::test]
async fn a_unix_socket_and_a_password_with_special_characters() {
    let server = RedisServer::builder()
        .password("p@ss:w/rd?&")
        .unix_socket()
        .start()
        .await;
    let password = "p%40ss%3Aw%2Frd%3F%26";
    let url = server.unix_url();
    let (_, path) = url.split_once("localhost").unwrap();
    let (_manager, redis) = connect(
        &format!("redis+unix://:{password}@{path}?db=3"),
        &Profile::SESSION,
    )
    .await;
    redis
        .set("key".into(), text("value"), SetOptions::default())
        .await
        .unwrap();

    let (_manager, redis) = connect(
        &format!("redis://:{password}@{}/3", server.address()),
        &Profile::SESSION,
    )
    .await;
    assert_eq!(redis.get("key".into()).await, Ok(Some(text("value"))));
}

#[tokio::test]
async fn memory_holds_one_store_of_each_kind_for_all_clones() {
    let manager = ConnectionManager::open("memory:").unwrap();
    manager.connected(Duration::ZERO).await.unwrap();
    assert!(manager.health().is_up());
    let store = |manager: &ConnectionManager| match manager.attach(&Profile::SESSION) {
        Backend::Memory(memory) => memory.store::<Mutex<Vec<u8>>>(),
        Backend::Redis(_) => panic!("memory is no server"),
    };
    store(&manager).lock().unwrap().push(1);
    store(&manager.clone()).lock().unwrap().push(2);
    assert_eq!(*store(&manager).lock().unwrap(), [1, 2]);
    let other = ConnectionManager::open("memory:").unwrap();
    assert!(store(&other).lock().unwrap().is_empty());
}

#[tokio::test]
async fn closed_is_closed_for_every_clone_and_handle() {
    let server = RedisServer::start().await;
    let (manager, redis) = connect(&server.url(), &Profile::SESSION).await;
    manager.clone().close().await;
    assert_eq!(redis.get("key".into()).await, Err(CommandError::Closed));
    assert_eq!(manager.connected(SOON).await, Err(ConnectError::Closed));
    assert_eq!(manager.health().to_string(), "down: closed");
    manager.close().await;
}

#[tokio::test]
async fn closing_while_redis_hangs_or_is_gone_does_not_hang() {
    let server = RedisServer::start().await;
    let (manager, redis) = connect(&server.url(), &Profile::SESSION).await;
    server.pause();
    manager.close().await;
    assert_eq!(redis.get("key".into()).await, Err(CommandError::Closed));

    server.kill();
    let manager = ConnectionManager::open(&server.url()).unwrap();
    manager.close().await;
    assert_eq!(manager.connected(SOON).await, Err(ConnectError::Closed));
}

#[tokio::test]
async fn the_connection_ends_with_the_last_handle() {
    let server = RedisServer::start().await;
    let mut client = server.client().await;
    let (manager, redis) = connect(&server.url(), &Profile::SESSION).await;
    let connections = async |client: &mut testkit::resp::Client| {
        client.words("CLIENT LIST").await.text().lines().count()
    };
    assert_eq!(connections(&mut client).await, 2);
    drop(manager);
    redis.ping().await.unwrap();
    drop(redis);
    eventually(SOON, async || connections(&mut client).await == 1).await;
}

#[tokio::test]
async fn replicas_are_asked_what_they_have() {
    let server = RedisServer::builder()
        .arg("--repl-diskless-sync-delay")
        .arg("0")
        .start()
        .await;
    let (_manager, redis) = connect(&server.url(), &Profile::SESSION).await;
    let confirmed = async || redis.acknowledged_by(1, Duration::from_millis(50)).await;
    assert_eq!(confirmed().await, Ok(0));

    let replica = RedisServer::start().await;
    let follow = format!("REPLICAOF 127.0.0.1 {}", server.address().port());
    replica.client().await.words(&follow).await;
    eventually(SOON, async || {
        redis.incr_by("n".into(), 1).await.unwrap();
        confirmed().await == Ok(1)
    })
    .await;
}

#[tokio::test]
async fn a_server_of_another_kind_is_told_in_words() {
    let server = RedisServer::start().await;
    let url = server.url().replace("redis://", "redis-cluster://");
    let manager = ConnectionManager::open(&url).unwrap();
    // It may be set up as a cluster yet, so it is asked again.
    eventually(SOON, async || {
        manager
            .health()
            .to_string()
            .contains("cluster support disabled")
    })
    .await;
    let waited = manager.connected(Duration::from_millis(50)).await;
    assert!(
        matches!(waited, Err(ConnectError::TimedOut { .. })),
        "{waited:?}"
    );
}

/// A manager lives as long as the runtime that it was opened in, which is not that of every operation.
#[test]
fn when_its_runtime_ends_a_manager_is_closed_and_does_not_hang() {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let other = runtime();
    let server = other.block_on(RedisServer::start());
    let first = runtime();
    let (manager, redis) = first.block_on(connect(&server.url(), &Profile::CACHE));
    assert_eq!(other.block_on(redis.get("key".into())), Ok(None));

    server.pause();
    let waiting = {
        let redis = redis.clone();
        first.spawn(async move { redis.get("key".into()).await })
    };
    drop(first);
    other.block_on(async {
        // Cancelled with its runtime, or told just before.
        if let Ok(answer) = waiting.await {
            assert!(answer.is_err(), "{answer:?}");
        }
        assert_eq!(redis.get("key".into()).await, Err(CommandError::Closed));
        timeout(SOON, manager.close()).await.unwrap();
    });
}
