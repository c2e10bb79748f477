//! Replies that reach the wrong operation.

use std::{convert::Infallible, time::Duration};

use testkit::{
    RedisServer,
    proxy::{Direction, FaultProxy},
};
use tokio::time::sleep;
use tower_keep_cache::{Cache, Freshness};

use super::setup::cache;

const KEYS: u64 = 8;

/// Reads values that say whose they are.
async fn reader(cache: Cache, number: u64) {
    for round in 0..100 {
        sleep(Duration::from_micros(1000 + 97 * number)).await;
        let key = (number + round) % KEYS;
        let load = async move || Ok::<_, Infallible>(key);
        let freshness = Freshness::ttl(Duration::from_secs(60));
        let value = cache.get_or_load(key.to_string(), freshness, load).await;
        assert_eq!(value.unwrap(), key, "the value of another key");
    }
}

/// As a client library does that has a bug, or is given a reply too many: everybody gets somebody else's.
#[tokio::test]
async fn an_entry_that_comes_for_another_key_is_no_hit() {
    let server = RedisServer::start().await;
    let proxy = FaultProxy::start(server.address()).await;
    let cache = cache(&format!("redis://{}", proxy.address()), "mixed-up").await;
    for number in 0..KEYS {
        reader(cache.clone(), number).await;
    }
    let readers: Vec<_> = (0..64)
        .map(|number| tokio::spawn(reader(cache.clone(), number)))
        .collect();
    let mixing = tokio::spawn(async move {
        loop {
            sleep(Duration::from_millis(10)).await;
            proxy.repeat(Direction::ToClient);
        }
    });
    for reader in readers {
        reader.await.unwrap();
    }
    mixing.abort();
}
