use std::time::Duration;

use testkit::resp::{Client, Reply};
use testkit::{RedisCluster, RedisServer, eventually};

const SOON: Duration = Duration::from_secs(30);

/// What a client is told that does not go where the key is.
async fn told(client: &mut Client, command: &str) -> String {
    match client.words(command).await {
        Reply::Error(text) => text.split(' ').next().unwrap().to_owned(),
        reply => panic!("{command}: {reply:?}"),
    }
}

fn other_than<'a>(cluster: &'a RedisCluster, node: &RedisServer) -> &'a RedisServer {
    let masters = &cluster.nodes()[..3];
    masters
        .iter()
        .find(|other| other.address() != node.address())
        .unwrap()
}

#[tokio::test]
async fn a_slot_moves_with_its_keys_and_clients_are_told() {
    let cluster = RedisCluster::start().await;
    let from = cluster.master_of("{tag}").await;
    let to = other_than(&cluster, from);
    let (mut old, mut new) = (from.client().await, to.client().await);
    assert_eq!(old.words("SET {tag}:1 one").await, "OK");
    assert_eq!(told(&mut new, "GET {tag}:1").await, "MOVED");

    let slot = cluster.slot_of("{tag}:1").await;
    let mut moving = cluster.start_move(slot, from, to).await;
    assert_eq!(old.words("GET {tag}:1").await, "one");
    assert_eq!(told(&mut old, "GET {tag}:2").await, "ASK");
    moving.keys().await;
    assert_eq!(told(&mut old, "GET {tag}:1").await, "ASK");
    assert_eq!(new.words("ASKING").await, "OK");
    assert_eq!(new.words("GET {tag}:1").await, "one");
    moving.finish().await;
    assert_eq!(told(&mut old, "GET {tag}:1").await, "MOVED");
    assert_eq!(new.words("GET {tag}:1").await, "one");
    assert_eq!(cluster.master_of("{tag}").await.address(), to.address());

    let first = &cluster.nodes()[0];
    first.restart().await;
    let mut client = first.client().await;
    eventually(SOON, async || {
        let info = client.words("CLUSTER INFO").await;
        info.text().contains("cluster_state:ok") && info.text().contains("cluster_known_nodes:3")
    })
    .await;
}

#[tokio::test]
async fn a_replica_takes_over_for_a_master_that_was_killed() {
    let cluster = RedisCluster::builder()
        .replicas()
        .node_timeout(Duration::from_millis(500))
        .start()
        .await;
    assert_eq!(cluster.nodes().len(), 6);
    let master = cluster.master_of("key").await;
    let mut client = master.client().await;
    client.words("SET key value").await;
    assert_eq!(client.words("WAIT 1 5000").await, 1);
    master.kill();
    eventually(SOON, async || {
        cluster.master_of("key").await.address() != master.address()
    })
    .await;
    let heir = cluster.master_of("key").await;
    assert_eq!(heir.client().await.words("GET key").await, "value");
}
