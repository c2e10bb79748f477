//! A server that is not what it was: demoted, promoted, or back with an older state before anybody had read from it.

use std::convert::Infallible;

use testkit::{RedisServer, eventually};
use tower_keep_cache::Cache;
use tower_keep_core::{Namespace, connection::ConnectionManager};

use super::setup::{PATIENT, Row, SOON, cache, tagged};

async fn read(cache: &Cache, row: &Row) -> u64 {
    let row = row.clone();
    let load = move || async move { Ok::<_, Infallible>(row.read()) };
    cache.get_or_load("key", tagged("tag"), load).await.unwrap()
}

/// The connection outlives it. What is invalidated at the new primary reaches a replica late, and may never have
/// reached one that is promoted.
#[tokio::test]
async fn a_server_that_has_become_a_replica_is_not_believed_until_it_was_promoted_and_flushed() {
    let redis = RedisServer::start().await;
    let cache = cache(&redis.url(), "demoted").await;
    let row = Row::default();
    assert_eq!(read(&cache, &row).await, 0);
    let mut client = redis.client().await;

    // Of a primary that nobody can reach: the replica keeps what it had.
    client.words("REPLICAOF 127.0.0.1 1").await;
    eventually(SOON, async || !cache.health().is_up()).await;
    row.write();
    for _ in 0..10 {
        assert_eq!(read(&cache, &row).await, 1, "loaded");
    }

    client.words("REPLICAOF NO ONE").await;
    let promoted = async || {
        assert_eq!(read(&cache, &row).await, 1, "it has the old entry");
        cache.health().is_up()
    };
    eventually(SOON, promoted).await;
    let served_again = async || {
        let before = read(&cache, &row).await;
        row.write();
        read(&cache, &row).await == before
    };
    eventually(SOON, served_again).await;
}

/// The process has only written so far. Its first read must not be of the older state.
#[tokio::test]
async fn what_was_invalidated_before_the_first_read_counts_after_a_restart_from_an_older_state() {
    let redis = RedisServer::start().await;
    let namespace = Namespace::new("first").unwrap();
    let row = Row::default();
    let manager = ConnectionManager::open(&format!("{}{PATIENT}", redis.url())).unwrap();
    // Made before there is a connection.
    let here = Cache::new(manager.clone()).namespace(&namespace);
    manager.connected(SOON).await.unwrap();
    {
        let there = cache(&redis.url(), "first").await;
        assert_eq!(read(&there, &row).await, 0);
    }
    let snapshot = redis.snapshot().await;
    row.write();
    here.invalidate(["tag"]).await.unwrap();

    redis.restart_from(&snapshot).await;
    let back = async || {
        assert_eq!(read(&here, &row).await, 1, "the older state is believed");
        here.health().is_up()
    };
    eventually(SOON, back).await;
    assert_eq!(read(&here, &row).await, 1);
}
