//! A cluster: every operation goes to the node that owns its key, wherever that is now.

use testkit::{RedisCluster, RedisServer, eventually};
use tower_keep_core::connection::{
    CommandError, Condition, Pipeline, Profile, Redis, Script, SetOptions, Ttl, Value,
};

use super::{SOON, connect, load::Load, text};

/// So that nothing but what a test does to the cluster is in the way.
const PATIENT: &str = "stall_age=5s&command_timeout=5s";

async fn patient(cluster: &RedisCluster) -> Redis {
    let url = format!("{}?{PATIENT}", cluster.url());
    connect(&url, &Profile::SESSION).await.1
}

/// Keys that are together on each of the masters.
pub(super) const TAGS: [&str; 3] = ["{a}", "{b}", "{c}"];

#[tokio::test]
async fn every_operation_goes_to_the_owner_of_its_key() {
    let cluster = RedisCluster::start().await;
    let redis = patient(&cluster).await;
    assert!(redis.is_cluster());
    let mut owners = Vec::new();
    for tag in TAGS {
        owners.push(cluster.master_of(tag).await.address());
        everything(&redis, tag).await;
    }
    owners.sort();
    owners.dedup();
    assert_eq!(owners.len(), 3, "the keys should be everywhere");

    let keys = TAGS.map(Into::into).to_vec();
    assert_eq!(redis.mget(keys.clone()).await, Err(CommandError::Cluster));
    assert_eq!(redis.del(keys).await, Err(CommandError::Cluster));
    redis.ping().await.unwrap();
}

async fn everything(redis: &Redis, tag: &str) {
    let key = |name: &str| format!("{tag}:{name}").into();
    let absent = SetOptions {
        condition: Condition::IfAbsent,
        ..SetOptions::default()
    };
    assert_eq!(redis.set(key("s"), text("1"), absent).await, Ok(true));
    assert_eq!(redis.set(key("s"), text("2"), absent).await, Ok(false));
    assert_eq!(redis.get(key("s")).await, Ok(Some(text("1"))));
    assert_eq!(
        redis.mget(vec![key("none"), key("s")]).await,
        Ok(vec![None, Some(text("1"))])
    );
    assert_eq!(redis.ttl(key("s")).await, Ok(Ttl::Forever));
    assert_eq!(redis.expire(key("s"), SOON).await, Ok(true));
    assert_eq!(redis.incr_by(key("n"), 5).await, Ok(5));
    assert_eq!(redis.exists(key("n")).await, Ok(true));
    assert_eq!(redis.getdel(key("n")).await, Ok(Some(text("5"))));
    let fields = vec![(text("f"), text("1"))];
    assert_eq!(redis.hset(key("h"), fields.clone()).await, Ok(1));
    assert_eq!(redis.hgetall(key("h")).await, Ok(fields));
    assert_eq!(redis.hincr_by(key("h"), text("f"), 2).await, Ok(3));
    assert_eq!(redis.hget(key("h"), text("f")).await, Ok(Some(text("3"))));
    assert_eq!(redis.hdel(key("h"), vec![text("f")]).await, Ok(1));
    assert_eq!(redis.del(vec![key("s"), key("h")]).await, Ok(1));

    let both = Script::write(
        "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('SET', KEYS[2], ARGV[1])",
    );
    let keys = vec![key("1"), key("2")];
    let answer = redis.script(&both, keys.clone(), vec![text("v")]).await;
    assert_eq!(answer, Ok(Value::Status(text("OK"))));
    assert_eq!(redis.mget(keys).await, Ok(vec![Some(text("v")); 2]));

    // A pipeline may go to all of them.
    let mut pipeline = Pipeline::new();
    for other in TAGS {
        let key = format!("{other}:from:{tag}");
        pipeline = pipeline.write("INCRBY", key.into(), vec![text("1")]);
    }
    assert_eq!(
        redis.pipeline(pipeline).await,
        Ok(vec![Ok(Value::Integer(1)); 3])
    );
}

#[tokio::test]
async fn a_node_that_has_forgotten_its_scripts_is_taught_again() {
    let cluster = RedisCluster::start().await;
    let redis = patient(&cluster).await;
    let script = Script::write("return redis.call('INCR', KEYS[1])");
    let run = async |expected| {
        for tag in TAGS {
            let answer = redis.script(&script, vec![tag.into()], Vec::new()).await;
            assert_eq!(answer, Ok(Value::Integer(expected)), "{tag}");
        }
    };
    run(1).await;
    for (node, expected) in cluster.nodes().iter().zip(2..) {
        node.client().await.words("SCRIPT FLUSH SYNC").await;
        run(expected).await;
    }
}

/// Reads its own key again and again, and knows what must be there.
fn reads(redis: &Redis, key: &str) -> Load {
    let (redis, key) = (redis.clone(), key.to_owned());
    Load::start(move || {
        let (redis, key) = (redis.clone(), key.clone());
        async move {
            let value = redis.get(key.clone().into()).await?;
            match value == Some(key.into()) {
                true => Ok(()),
                false => Err(CommandError::Other("the answer to something else".into())),
            }
        }
    })
}

pub(super) fn counts(redis: &Redis, key: &str) -> Load {
    let (redis, key) = (redis.clone(), key.to_owned());
    let script = Script::write("return redis.call('INCR', KEYS[1])");
    Load::start(move || {
        let (redis, script, key) = (redis.clone(), script.clone(), key.clone());
        async move { redis.script(&script, vec![key.into()], Vec::new()).await }
    })
}

pub(super) fn other_than<'a>(cluster: &'a RedisCluster, node: &RedisServer) -> &'a RedisServer {
    let mut masters = cluster.nodes()[..3].iter();
    masters
        .find(|other| other.address() != node.address())
        .unwrap()
}

#[tokio::test]
async fn a_slot_that_moves_under_load_costs_nobody_an_answer() {
    let cluster = RedisCluster::start().await;
    let redis = patient(&cluster).await;
    let slot = cluster.slot_of("{a}").await;
    let names = TAGS.map(|tag| format!("{tag}:name"));
    for name in &names {
        let options = SetOptions::default();
        redis
            .set(name.clone().into(), name.clone().into(), options)
            .await
            .unwrap();
    }
    let readers = names.each_ref().map(|name| reads(&redis, name));
    let counter = counts(&redis, "{a}:count");
    let all_serve = async || {
        counter.serves(20).await;
        for reader in &readers {
            reader.serves(20).await;
        }
    };
    all_serve().await;
    for _ in 0..2 {
        let from = cluster.master_of("{a}").await;
        let mut moving = cluster
            .start_move(slot, from, other_than(&cluster, from))
            .await;
        all_serve().await;
        moving.keys().await;
        // Each of these is told ASK.
        all_serve().await;
        moving.finish().await;
        // And the next one MOVED.
        all_serve().await;
    }
    counter.stop();
    assert_eq!(counter.paid() + counter.refused(), 0);
    for reader in &readers {
        assert_eq!(reader.paid() + reader.refused(), 0);
    }
    // Each was executed once.
    eventually(SOON, async || {
        let count = redis.get("{a}:count".into()).await.unwrap().unwrap();
        count == counter.served().to_string()
    })
    .await;
}

/// It says nothing about the master that happens to be asked: each must have its replica's word.
#[tokio::test]
async fn a_write_is_acknowledged_only_if_the_replicas_of_all_masters_say_so() {
    let cluster = RedisCluster::builder().replicas().start().await;
    let redis = patient(&cluster).await;
    for tag in TAGS {
        redis.incr_by(tag.into(), 1).await.unwrap();
    }
    eventually(SOON, async || redis.acknowledged_by(1, SOON).await == Ok(1)).await;
    // The last of them is the replica of the last master.
    cluster.nodes()[5].pause();
    for tag in TAGS {
        redis.incr_by(tag.into(), 1).await.unwrap();
    }
    assert_eq!(redis.acknowledged_by(1, SOON).await, Ok(0));
}
