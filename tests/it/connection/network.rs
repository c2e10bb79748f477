//! What networks do to connections.

use std::time::Duration;

use testkit::proxy::{Direction, FaultProxy};
use testkit::{RedisServer, eventually};
use tower_keep_core::connection::{ConnectionManager, Profile, Redis, SetOptions};

use super::{SOON, connect, load::Load};

async fn behind_a_proxy(profile: &Profile) -> (RedisServer, FaultProxy, ConnectionManager, Redis) {
    let server = RedisServer::start().await;
    let proxy = FaultProxy::start(server.address()).await;
    let url = format!("redis://{}", proxy.address());
    let (manager, redis) = connect(&url, profile).await;
    (server, proxy, manager, redis)
}

fn gets(redis: &Redis) -> Load {
    let redis = redis.clone();
    Load::start(move || {
        let redis = redis.clone();
        async move { redis.get("key".into()).await }
    })
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_no_reply() {
    let (server, proxy, manager, redis) = behind_a_proxy(&Profile::SESSION).await;
    redis
        .set("key".into(), vec![7; 100_000].into(), SetOptions::default())
        .await
        .unwrap();
    proxy.truncate(Direction::ToClient, 50_000);
    let broken = redis.within(SOON).get("key".into()).await;
    assert!(
        matches!(&broken, Err(error) if error.may_have_run()),
        "{broken:?}"
    );
    proxy.heal();
    manager.connected(SOON).await.unwrap();
    eventually(
        SOON,
        async || matches!(redis.get("key".into()).await, Ok(Some(value)) if value.len() == 100_000),
    )
    .await;
    drop(server);
}

#[tokio::test]
async fn a_long_line_is_slower_and_nothing_else() {
    let server = RedisServer::start().await;
    let proxy = FaultProxy::start(server.address()).await;
    proxy.delay(Direction::ToClient, Duration::from_millis(60));
    let url = format!(
        "redis://{}?command_timeout=5s&stall_age=5s&connect_timeout=5s",
        proxy.address()
    );
    let (manager, redis) = connect(&url, &Profile::CACHE).await;
    let mut watch = manager.watch();
    watch.current();
    let load = gets(&redis);
    load.serves(100).await;
    assert_eq!(load.paid(), 0);
    assert!(watch.current().is_up());
}
