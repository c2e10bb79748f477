//! A cache whose entries are spread over a cluster.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use testkit::{RedisCluster, eventually};
use tower_keep_cache::Cache;

use super::setup::{Row, SOON, cache, tagged};

/// Enough to be in every partition.
const KEYS: usize = 100;

/// Reads them all: what they came to, which is one number if all agree.
async fn read_all(cache: &Cache, row: &Row) -> Vec<u64> {
    read_and_count(cache, row).await.0
}

/// A cluster that has just started may refuse some, and after an invalidation nothing is stored until all nodes have
/// surely heard of it.
async fn is_stored(cache: &Cache, row: &Row) {
    let all_hits = async || read_and_count(cache, row).await.1 == 0;
    eventually(Duration::from_secs(20), all_hits).await;
}

/// What they came to, and how many of them had to be loaded.
async fn read_and_count(cache: &Cache, row: &Row) -> (Vec<u64>, usize) {
    let loads = Arc::new(AtomicUsize::new(0));
    let mut values = Vec::new();
    for key in 0..KEYS {
        let (row, loads) = (row.clone(), Arc::clone(&loads));
        let load = move || async move {
            loads.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Infallible>(row.read())
        };
        let freshness = tagged("tag");
        values.push(
            cache
                .get_or_load(key.to_string(), freshness, load)
                .await
                .unwrap(),
        );
    }
    values.sort_unstable();
    values.dedup();
    (values, loads.load(Ordering::SeqCst))
}

#[tokio::test]
async fn what_is_invalidated_is_so_on_every_node() {
    let cluster = RedisCluster::start().await;
    let one = cache(&cluster.url(), "shop").await;
    let other = cache(&cluster.url(), "shop").await;
    let row = Row::default();
    is_stored(&one, &row).await;
    for node in cluster.nodes() {
        let keys = node.client().await.words("DBSIZE").await.integer();
        assert!(keys > 10, "{keys} keys on {node:?}");
    }
    row.write();
    assert_eq!(read_all(&one, &row).await, [0]);
    assert_eq!(read_all(&other, &row).await, [0]);

    other.invalidate(["tag"]).await.unwrap();
    assert_eq!(read_all(&one, &row).await, [1]);
    is_stored(&one, &row).await;
    row.write();
    assert_eq!(read_all(&other, &row).await, [1]);
    one.flush().await.unwrap();
    assert_eq!(read_all(&other, &row).await, [2]);
    is_stored(&other, &row).await;
    row.write();
    assert_eq!(read_all(&one, &row).await, [2]);
}

#[tokio::test]
async fn a_partition_that_moves_to_another_node_stays_what_it_was() {
    let cluster = RedisCluster::start().await;
    let cache = cache(&cluster.url(), "shop").await;
    let row = Row::default();
    is_stored(&cache, &row).await;
    row.write();

    let partition = "{shop:0}";
    let slot = cluster.slot_of(partition).await;
    let from = cluster.master_of(partition).await;
    let mut masters = cluster.nodes().iter();
    let to = masters
        .find(|node| node.address() != from.address())
        .unwrap();
    cluster.move_slot(slot, from, to).await;

    assert_eq!(read_all(&cache, &row).await, [0]);
    cache.invalidate(["tag"]).await.unwrap();
    assert_eq!(read_all(&cache, &row).await, [1]);
}

#[tokio::test]
async fn what_lies_on_the_other_masters_is_served_while_one_is_away() {
    let cluster = RedisCluster::start().await;
    let cache = cache(&cluster.url(), "shop").await;
    let row = Row::default();
    is_stored(&cache, &row).await;
    let master = cluster.master_of("{shop:0}").await;
    master.kill();
    eventually(SOON, async || !cache.health().is_up()).await;
    row.write();
    let (_, loads) = read_and_count(&cache, &row).await;
    assert!(0 < loads && loads < KEYS, "{loads} of {KEYS} loaded");

    // It cannot have reached all of them, so what it concerns is served from nowhere.
    assert!(cache.invalidate(["tag"]).await.is_err());
    assert_eq!(read_and_count(&cache, &row).await, (vec![1], KEYS));

    master.restart().await;
    is_stored(&cache, &row).await;
    assert_eq!(read_all(&cache, &row).await, [1]);
}

#[tokio::test]
async fn one_master_with_an_older_state_is_not_believed() {
    let cluster = RedisCluster::start().await;
    let cache = cache(&cluster.url(), "shop").await;
    let row = Row::default();
    is_stored(&cache, &row).await;
    let master = cluster.master_of("{shop:0}").await;
    let snapshot = master.snapshot().await;
    row.write();
    cache.invalidate(["tag"]).await.unwrap();
    assert_eq!(read_all(&cache, &row).await, [1]);

    master.restart_from(&snapshot).await;
    assert_eq!(read_all(&cache, &row).await, [1]);
    eventually(SOON, async || cache.health().is_up()).await;
    assert_eq!(read_all(&cache, &row).await, [1]);
    is_stored(&cache, &row).await;
}
