//! One master of a cluster fails, or gives its keys away.

use testkit::{RedisCluster, RedisServer, eventually};

use super::process::sigstop;
use super::{super::super::SOON, AWAY, BOTH, Client, Row};

async fn master(fault: &'static str, fail: fn(&RedisServer)) {
    let cluster = RedisCluster::builder().replicas().start().await;
    let mut row = Row::begin(fault, Client::cluster(&cluster)).await;
    let (before, life) = (row.manager.incarnation().unwrap(), row.redis.life());
    let master = cluster.master_of("{a}").await;
    fail(master);
    row.shuts(&BOTH).await;
    eventually(SOON, async || {
        cluster.master_of("{a}").await.address() != master.address()
    })
    .await;
    row.resumes().await;
    assert_ne!(row.manager.incarnation().unwrap().run_id, before.run_id);
    assert!(row.redis.life() > life);

    // The old one learns that it is a replica now, and does not get in the way.
    master.resume();
    row.serve().await;
    row.end(&AWAY, &AWAY).await;
}

#[tokio::test]
async fn master_sigkill_cluster() {
    master("master, SIGKILL", RedisServer::kill).await;
}

#[tokio::test]
async fn master_sigstop_cluster() {
    master("master, SIGSTOP", RedisServer::pause).await;
}

/// There is no replica, and nobody but the master itself can serve its keys again.
#[tokio::test]
async fn sigkill_restarted_empty_cluster() {
    let cluster = RedisCluster::start().await;
    let mut row = Row::begin("SIGKILL, restarted empty", Client::cluster(&cluster)).await;
    let master = cluster.master_of("{a}").await;
    master.kill();
    row.shuts(&BOTH).await;
    master.restart().await;
    serves(master).await;
    row.resumes().await;
    let told = ["Cluster", "Interrupted", "Unavailable"];
    row.end(&told, &told).await;
}

#[tokio::test]
async fn sigstop_cluster() {
    let cluster = RedisCluster::start().await;
    let client = Client::cluster(&cluster);
    sigstop(cluster.master_of("{a}").await, client).await;
}

/// Nothing fails, but for the moments in which a key can be caught at neither of the two.
#[tokio::test]
async fn slot_moves_cluster() {
    let cluster = RedisCluster::start().await;
    let slot = cluster.slot_of("{a}").await;
    let from = cluster.master_of("{a}").await;
    let to = cluster.master_of("{b}").await;
    let mut row = Row::begin("slot moves", Client::cluster(&cluster)).await;
    let mut moving = cluster.start_move(slot, from, to).await;
    row.resumes().await;
    moving.keys().await;
    row.resumes().await;
    moving.finish().await;
    row.resumes().await;
    row.end(&["Moving"], &["Moving"]).await;
}

/// The one that is left must not serve: it cannot know that it is not the one that was left behind.
#[tokio::test]
async fn no_quorum_cluster() {
    let cluster = RedisCluster::start().await;
    let mut row = Row::begin("no quorum", Client::cluster(&cluster)).await;
    let gone = [
        cluster.master_of("{a}").await,
        cluster.master_of("{b}").await,
    ];
    for master in gone {
        master.kill();
    }
    row.shuts(&BOTH).await;
    eventually(SOON, async || {
        row.manager.health().to_string().contains("CLUSTERDOWN")
    })
    .await;
    for master in gone {
        master.restart().await;
    }
    for master in gone {
        serves(master).await;
    }
    row.resumes().await;
    let told = [&AWAY[..], &["Cluster"]].concat();
    row.end(&told, &told).await;
}

/// A master that starts serves nothing for two seconds, in case it has a successor: `CLUSTER_WRITABLE_DELAY` in the source
/// of Redis.
async fn serves(master: &RedisServer) {
    let mut admin = master.client().await;
    eventually(SOON, async || {
        let info = admin.words("CLUSTER INFO").await;
        info.text().contains("cluster_state:ok")
    })
    .await;
}
