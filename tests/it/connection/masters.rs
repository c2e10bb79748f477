//! The masters of a cluster come and go, each for itself.

use testkit::{RedisCluster, RedisServer, eventually};
use tokio::{runtime::Handle, time::timeout};
use tower_keep_core::connection::{
    Cause, Class, ClassHealth, CommandError, ConnectionManager, Profile, Redis,
};

use super::{
    SOON, attach,
    cluster::{TAGS, counts, other_than},
    connect,
    load::{FEW, HICCUPS, Load},
};

/// A load on the keys of each master, that of `{a}` first.
fn loads(redis: &Redis) -> [Load; 3] {
    TAGS.map(|tag| counts(redis, tag))
}

fn failed(loads: &[Load]) -> u64 {
    loads.iter().map(|load| load.paid() + load.refused()).sum()
}

async fn all_serve(loads: &[Load], more: u64) {
    for load in loads {
        load.serves(more).await;
    }
}

/// Connections of clients to a node, without the one that asks.
async fn connections(node: &RedisServer) -> usize {
    let list = node.client().await.words("CLIENT LIST TYPE normal").await;
    list.text().lines().count() - 1
}

/// Whether each node has so many connections.
async fn are_connected(nodes: &[RedisServer], each: usize) {
    for node in nodes {
        eventually(SOON, async || connections(node).await == each).await;
    }
}

async fn a_master_is_away(fail: fn(&RedisServer)) {
    let cluster = RedisCluster::builder().replicas().start().await;
    let (manager, redis) = connect(&cluster.url(), &Profile::CACHE).await;
    let [dead, healthy @ ..] = loads(&redis);
    dead.serves(50).await;
    all_serve(&healthy, 50).await;
    let (before, life) = (manager.incarnation().unwrap(), redis.life());
    let paid_before = dead.paid();

    let master = cluster.master_of("{a}").await;
    fail(master);
    dead.refuses(20).await;
    let paid_then = dead.paid();
    let paid = paid_then - paid_before;
    assert!(paid <= FEW, "{paid} paid");
    dead.refuses(100).await;
    assert_eq!(
        dead.paid(),
        paid_then,
        "operations paid after the gate had tripped"
    );
    let told = manager.health().to_string();
    assert!(told.contains(&master.address().to_string()), "{told}");
    assert!(redis.is_up(Class::Read) && !manager.health().is_up());

    dead.serves(50).await;
    all_serve(&healthy, 50).await;
    assert!(dead.paid() - paid_then <= FEW);
    assert_ne!(manager.incarnation().unwrap().run_id, before.run_id);
    assert!(redis.life() > life);
    manager.connected(SOON).await.unwrap();

    // The old one learns that it is a replica now, and does not get in the way.
    let paid_then = dead.paid();
    master.resume();
    dead.serves(100).await;
    assert!(dead.paid() - paid_then <= FEW);
    // Of the others none has to fail; but what a busy machine holds up for longer than a cache's stall age is an outage.
    let (failed, served) = (
        failed(&healthy),
        healthy.iter().map(Load::served).sum::<u64>(),
    );
    assert!(
        failed * 10 <= served,
        "{failed} of {served} operations on the other masters' keys have failed"
    );
}

#[tokio::test]
async fn a_master_that_was_killed_is_missed_by_nobody_else() {
    a_master_is_away(RedisServer::kill).await;
}

#[tokio::test]
async fn a_master_that_hangs_is_missed_by_nobody_else() {
    a_master_is_away(RedisServer::pause).await;
}

/// Where no busy machine is taken for an outage, nobody else fails at all.
#[tokio::test]
async fn the_other_masters_keys_are_served_without_an_error() {
    let cluster = RedisCluster::builder().replicas().start().await;
    let url = format!("{}?stall_age=3s&command_timeout=3s", cluster.url());
    let (_manager, redis) = connect(&url, &Profile::SESSION).await;
    let [dead, healthy @ ..] = loads(&redis);
    dead.serves(20).await;
    let master = cluster.master_of("{a}").await;
    master.kill();
    dead.refuses(20).await;
    all_serve(&healthy, 50).await;
    dead.serves(20).await;
    all_serve(&healthy, 50).await;
    assert_eq!(failed(&healthy), 0);
    assert!(dead.paid() <= FEW);
}

/// A failover by hand waits for the replica, so nothing is lost; the node in between is ended and comes again.
#[tokio::test]
async fn a_master_that_hands_over_and_takes_back_is_followed() {
    let cluster = RedisCluster::builder().replicas().start().await;
    let url = format!("{}?stall_age=5s&command_timeout=5s", cluster.url());
    let (manager, redis) = connect(&url, &Profile::SESSION).await;
    let loads = loads(&redis);
    all_serve(&loads, 20).await;
    let first = cluster.master_of("{a}").await;
    let number = cluster
        .nodes()
        .iter()
        .position(|node| node.address() == first.address());
    // Each master's replica was started three places behind it.
    let second = &cluster.nodes()[number.unwrap() + 3];
    for next in [second, first] {
        let lives = redis.life();
        let reply = next.client().await.words("CLUSTER FAILOVER").await;
        assert!(!reply.is_error(), "{reply:?}");
        eventually(SOON, async || {
            cluster.master_of("{a}").await.address() == next.address()
        })
        .await;
        eventually(SOON, async || redis.life() > lives).await;
        all_serve(&loads, 100).await;
    }
    manager.connected(SOON).await.unwrap();
    assert!(failed(&loads[1..]) == 0, "nobody else's keys were touched");
    eventually(SOON, async || connections(second).await == 0).await;
}

/// Two of three are no majority, so the third stops serving; and nobody is elected.
#[tokio::test]
async fn a_cluster_without_a_majority_is_away_until_it_has_one_again() {
    let cluster = RedisCluster::start().await;
    let (manager, redis) = connect(&cluster.url(), &Profile::CACHE).await;
    let loads = loads(&redis);
    all_serve(&loads, 20).await;
    let masters = [
        cluster.master_of("{a}").await,
        cluster.master_of("{b}").await,
    ];
    for master in masters {
        master.pause();
    }
    loads[0].refuses(20).await;
    loads[1].refuses(20).await;
    // It serves for as long as it takes to see that it is alone.
    loads[2].refuses(20).await;
    eventually(SOON, async || {
        manager.health().to_string().contains("CLUSTERDOWN")
    })
    .await;
    let paid = loads[2].paid();
    assert!(paid <= HICCUPS, "{paid} paid at a master that answers");
    for master in masters {
        master.resume();
    }
    all_serve(&loads, 50).await;
    manager.connected(SOON).await.unwrap();
}

#[tokio::test]
async fn a_cluster_that_was_away_as_a_whole_is_found_again() {
    let cluster = RedisCluster::start().await;
    let (manager, redis) = connect(&cluster.url(), &Profile::CACHE).await;
    assert_eq!((redis.generation(), redis.life()), (1, 1));
    for node in cluster.nodes() {
        node.kill();
    }
    eventually(SOON, async || !redis.is_up(Class::Read)).await;
    assert_eq!(
        redis.get("key".into()).await,
        Err(CommandError::Unavailable)
    );
    for node in cluster.nodes() {
        node.restart().await;
    }
    manager.connected(SOON).await.unwrap();
    for tag in TAGS {
        assert_eq!(redis.get(tag.into()).await, Ok(None));
    }
    assert_eq!(redis.life(), 4, "each has another life");
}

#[tokio::test]
async fn a_cluster_is_waited_for_that_is_not_there_at_the_start() {
    let cluster = RedisCluster::start().await;
    for node in cluster.nodes() {
        node.pause();
    }
    let manager = ConnectionManager::open(&cluster.url()).unwrap();
    let redis = attach(&manager, &Profile::CACHE);
    assert_eq!(
        redis.get("key".into()).await,
        Err(CommandError::Unavailable)
    );
    eventually(SOON, async || {
        let health = manager.health().write;
        !matches!(
            health,
            ClassHealth::Up
                | ClassHealth::Down {
                    cause: Cause::Connecting
                }
        )
    })
    .await;
    for node in cluster.nodes() {
        node.resume();
    }
    manager.connected(SOON).await.unwrap();
    assert_eq!(redis.get("key".into()).await, Ok(None));
}

/// The cluster's replica of `{c}`'s master, made a master without slots.
async fn newcomer(cluster: &RedisCluster) -> &RedisServer {
    let node = &cluster.nodes()[5];
    let mut client = node.client().await;
    let friend = cluster.nodes()[0].address();
    let meet = format!("CLUSTER MEET {} {}", friend.ip(), friend.port());
    // Else it becomes the replica of whoever takes its last slot.
    let stay = "CONFIG SET cluster-allow-replica-migration no";
    for command in [stay, "CLUSTER RESET SOFT", &meet] {
        let reply = client.words(command).await;
        assert!(!reply.is_error(), "{command}: {reply:?}");
    }
    let id = client.words("CLUSTER MYID").await;
    for other in &cluster.nodes()[..5] {
        eventually(SOON, async || {
            let nodes = other.client().await.words("CLUSTER NODES").await;
            let line = nodes
                .text()
                .lines()
                .find(|line| line.starts_with(id.text()));
            line.is_some_and(|line| line.contains(" master ") && line.contains(" connected"))
        })
        .await;
    }
    eventually(SOON, async || {
        let info = client.words("CLUSTER INFO").await;
        info.text().contains("cluster_state:ok")
    })
    .await;
    node
}

#[tokio::test]
async fn a_master_that_joins_is_connected_and_one_that_leaves_is_let_go() {
    let cluster = RedisCluster::builder().replicas().start().await;
    let node = newcomer(&cluster).await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let tasks_before = tasks();
    let url = format!("{}?stall_age=5s&command_timeout=5s", cluster.url());
    let (manager, redis) = connect(&url, &Profile::SESSION).await;
    let others = loads(&redis);
    all_serve(&others, 10).await;
    let life = redis.life();
    are_connected(&cluster.nodes()[..3], 1).await;
    are_connected(&cluster.nodes()[3..], 0).await;
    let tasks_with_three = tasks() - tasks_before;

    let slot = cluster.slot_of("{a}").await;
    let home = cluster.master_of("{a}").await;
    let mut moving = cluster.start_move(slot, home, node).await;
    moving.keys().await;
    // It owns nothing yet, so nobody but those who are told ASK knows of it.
    others[0].serves(50).await;
    let refused = others[0].refused();
    assert!(
        refused <= HICCUPS,
        "{refused} refused until it was connected"
    );
    moving.finish().await;
    others[0].serves(50).await;
    assert_eq!(others[0].refused(), refused);
    assert!(redis.life() > life, "another server answers for some keys");
    are_connected(std::slice::from_ref(node), 1).await;

    cluster.move_slot(slot, node, home).await;
    others[0].serves(50).await;
    are_connected(std::slice::from_ref(node), 0).await;
    are_connected(&cluster.nodes()[..3], 1).await;
    assert_eq!(failed(&others[1..]), 0);
    for load in &others {
        load.stop();
    }
    assert!(tasks_with_three > 0);
    manager.close().await;
    assert_eq!(redis.get("key".into()).await, Err(CommandError::Closed));
    drop(others);
    eventually(SOON, async || tasks() <= tasks_before).await;
    are_connected(cluster.nodes(), 0).await;
}

/// Whoever is sent on goes there at once; the map is read by a background task, and so often at most.
#[tokio::test]
async fn many_that_are_sent_on_do_not_ask_for_the_map() {
    let cluster = RedisCluster::start().await;
    let url = format!("{}?stall_age=5s&command_timeout=5s", cluster.url());
    let (_manager, redis) = connect(&url, &Profile::SESSION).await;
    let loads = loads(&redis);
    all_serve(&loads, 10).await;
    let began = tokio::time::Instant::now();
    let slot = cluster.slot_of("{a}").await;
    for _ in 0..3 {
        let from = cluster.master_of("{a}").await;
        cluster
            .move_slot(slot, from, other_than(&cluster, from))
            .await;
        loads[0].serves(50).await;
    }
    assert_eq!(failed(&loads), 0);
    let mut asked = 0;
    for node in cluster.nodes() {
        let stats = node.client().await.words("INFO commandstats").await;
        let calls = stats.text().lines().find_map(|line| {
            let calls = line.strip_prefix("cmdstat_cluster|slots:calls=")?;
            calls.split(',').next()?.parse::<u128>().ok()
        });
        asked += calls.unwrap_or_default();
    }
    // The test's own questions, and one reading every 50 ms at most.
    let most = 50 + began.elapsed().as_millis() / 50;
    assert!(asked <= most, "{asked} readings of the map");
}

/// As where the machines of a cluster are renumbered: the nodes are the same, and are somewhere else.
#[tokio::test]
async fn masters_that_announce_another_address_are_followed() {
    let cluster = RedisCluster::start().await;
    let url = format!("{}?stall_age=5s&command_timeout=5s", cluster.url());
    let (manager, redis) = connect(&url, &Profile::SESSION).await;
    let loads = loads(&redis);
    all_serve(&loads, 10).await;
    let life = redis.life();
    for node in cluster.nodes() {
        let mut client = node.client().await;
        for setting in [
            "cluster-announce-hostname localhost",
            "cluster-preferred-endpoint-type hostname",
        ] {
            let reply = client.words(&format!("CONFIG SET {setting}")).await;
            assert!(!reply.is_error(), "{setting}: {reply:?}");
        }
    }
    eventually(SOON, async || redis.life() > life).await;
    all_serve(&loads, 50).await;
    manager.connected(SOON).await.unwrap();
    are_connected(cluster.nodes(), 1).await;
    assert_eq!(loads.iter().map(Load::paid).sum::<u64>(), 0);
}

#[test]
fn when_its_runtime_ends_so_do_all_connections() {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let other = runtime();
    let cluster = other.block_on(RedisCluster::start());
    let first = runtime();
    let (manager, redis) = first.block_on(connect(&cluster.url(), &Profile::CACHE));
    assert_eq!(other.block_on(redis.get("key".into())), Ok(None));
    drop(first);
    other.block_on(async {
        for tag in TAGS {
            assert_eq!(redis.get(tag.into()).await, Err(CommandError::Closed));
        }
        timeout(SOON, manager.close()).await.unwrap();
        are_connected(cluster.nodes(), 0).await;
    });
}
