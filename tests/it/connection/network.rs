//! What networks do to connections.

use std::time::Duration;

use testkit::proxy::{Direction, FaultProxy, SilentListener};
use testkit::{RedisServer, eventually};
use tower_keep_core::connection::{
    Class, CommandError, ConnectionManager, Profile, Redis, SetOptions,
};

use super::{
    SOON, attach, connect,
    load::{FEW, HICCUPS, Load},
    text,
};

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
async fn a_connection_into_a_black_hole_is_replaced() {
    for direction in [Direction::ToServer, Direction::ToClient, Direction::Both] {
        let (_server, proxy, manager, redis) = behind_a_proxy(&Profile::CACHE).await;
        let load = gets(&redis);
        load.serves(20).await;
        let paid = load.paid();

        proxy.black_hole(direction);
        load.refuses(100).await;
        let after = load.paid();
        assert!(after - paid <= FEW, "{} operations paid", after - paid);
        load.refuses(50).await;
        assert_eq!(load.paid(), after);

        // The old connection stays silent for ever.
        proxy.heal();
        load.serves(20).await;
        assert!(load.paid() - after <= HICCUPS);
        manager.connected(SOON).await.unwrap();
    }
}

#[tokio::test]
async fn a_broken_connection_is_made_again() {
    let (_server, proxy, _manager, redis) = behind_a_proxy(&Profile::CACHE).await;
    let load = gets(&redis);
    let breaks: [fn(&FaultProxy); 2] = [FaultProxy::cut, FaultProxy::reset];
    for (round, end) in breaks.into_iter().enumerate() {
        load.serves(20).await;
        end(&proxy);
        let connections = u64::try_from(round).unwrap() + 2;
        eventually(SOON, async || proxy.accepted() >= connections).await;
    }
    load.serves(20).await;
    assert!(load.paid() <= HICCUPS, "{} operations paid", load.paid());
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

#[tokio::test]
async fn a_host_that_does_not_answer_to_connecting_costs_nothing() {
    let nobody = SilentListener::start().await;
    let manager = ConnectionManager::open(&format!("redis://{}", nobody.address())).unwrap();
    let redis = attach(&manager, &Profile::CACHE);
    let load = gets(&redis);
    load.refuses(200).await;
    assert_eq!(load.paid(), 0);
    assert_eq!(
        redis
            .set("key".into(), text("value"), SetOptions::default())
            .await,
        Err(CommandError::Unavailable)
    );
    assert!(!redis.is_up(Class::Read));
}
