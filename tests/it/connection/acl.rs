//! A user who may do what the guide says, and no more.

use std::{convert::Infallible, time::Duration};

use testkit::{RedisCluster, RedisSentinel, RedisServer, eventually, resp::Client};
use tower_keep_cache::{Cache, Freshness, InvalidateError, PutError};
use tower_keep_core::connection::{CommandError, ConnectionManager, Profile, SetOptions};

use super::{SOON, attach, connect, logs::Log, text};

const GUIDE: &str = include_str!("../../../crates/tower-keep/docs/redis-away.md");

/// A busy machine is no reason for another error than the one that is looked for.
const PATIENT: &str = "?command_timeout=20s&stall_age=10s";

/// What the guide says a cache needs.
fn rights() -> Vec<&'static str> {
    let rule = GUIDE
        .lines()
        .find_map(|line| line.strip_prefix("ACL SETUSER app on >secret "))
        .unwrap();
    rule.split(' ').collect()
}

/// What the guide says may be missing.
const WANTED: [&str; 2] = ["+ping", "+info"];

/// Makes this user's rights these, and the server as if it had never seen a script or a key.
async fn grant(client: &mut Client, rights: &[&str]) {
    let rule = format!("ACL SETUSER app reset on >secret {}", rights.join(" "));
    for line in ["SCRIPT FLUSH", "FLUSHALL", &rule] {
        accepts(client, line).await;
    }
}

async fn accepts(client: &mut Client, line: &str) {
    let reply = client.words(line).await;
    assert!(!reply.is_error(), "{line}: {reply:?}");
}

/// Leaves every key a minute: far less than a cache gives its tags, far more than a test takes.
async fn end_soon(client: &mut Client) {
    let script =
        "for _, key in ipairs(redis.call('KEYS', '*')) do redis.call('PEXPIRE', key, 60000) end";
    let reply = client.command(&[b"EVAL", script.as_bytes(), b"0"]).await;
    assert!(!reply.is_error(), "{reply:?}");
}

async fn manager(server: &RedisServer) -> ConnectionManager {
    let url = format!("redis://app:secret@{}{PATIENT}", server.address());
    let manager = ConnectionManager::open(&url).unwrap();
    manager.connected(SOON).await.unwrap();
    manager
}

const MINUTE: Duration = Duration::from_secs(60);

fn freshness() -> Freshness {
    Freshness::ttl(MINUTE).tags(["tag"])
}

async fn read(cache: &Cache, value: u64) -> u64 {
    let load = move || async move { Ok::<_, Infallible>(value) };
    cache.get_or_load("key", freshness(), load).await.unwrap()
}

async fn put(cache: &Cache, value: u64, ttl: Duration) -> Result<(), CommandError> {
    let load = move || async move { Ok::<_, Infallible>(value) };
    let freshness = Freshness::ttl(ttl).tags(["tag"]);
    match cache.put("key", freshness, load).await {
        Ok(_) => Ok(()),
        Err(PutError::Redis(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

async fn uses_all_of(cache: &Cache) {
    assert_eq!(read(cache, 1).await, 1);
    assert_eq!(read(cache, 2).await, 1, "a hit");
    put(cache, 3, MINUTE).await.unwrap();
    assert_eq!(read(cache, 4).await, 3);
    cache.invalidate(["tag"]).await.unwrap();
    assert_eq!(read(cache, 5).await, 5);
    cache.flush().await.unwrap();
    assert_eq!(read(cache, 6).await, 6);
}

#[tokio::test]
async fn the_rights_in_the_guide_are_enough_for_a_cache() {
    let server = RedisServer::start().await;
    let mut client = server.client().await;
    grant(&mut client, &rights()).await;
    client.words("ACL LOG RESET").await;
    let manager = manager(&server).await;
    assert!(manager.incarnation().is_some());
    uses_all_of(&Cache::new(manager.clone())).await;
    assert!(manager.health().is_up());
    let log = client.words("ACL LOG").await;
    let denied: Vec<_> = log
        .array()
        .iter()
        .map(|entry| entry.array()[7].text())
        .collect();
    assert!(
        denied.iter().all(|object| object.starts_with("client")),
        "{denied:?}"
    );
}

#[tokio::test]
async fn what_may_be_missing_is_not_missed() {
    let server = RedisServer::start().await;
    let mut client = server.client().await;
    for wanted in WANTED {
        let others: Vec<_> = rights()
            .into_iter()
            .filter(|right| *right != wanted)
            .collect();
        grant(&mut client, &others).await;
        let manager = manager(&server).await;
        uses_all_of(&Cache::new(manager.clone())).await;
        assert_eq!(manager.incarnation().is_some(), wanted != "+info");
        assert!(manager.health().is_up());
    }
}

#[tokio::test]
async fn each_missing_right_is_told() {
    let server = RedisServer::start().await;
    let mut client = server.client().await;
    for missing in rights() {
        if WANTED.contains(&missing) {
            continue;
        }
        let others: Vec<_> = rights()
            .into_iter()
            .filter(|right| *right != missing)
            .collect();
        grant(&mut client, &others).await;
        let (log, _guard) = Log::start();
        let manager = manager(&server).await;
        let redis = attach(&manager, &Profile::SESSION);
        let cache = Cache::new(manager.clone());
        let reply = redis.mget(vec!["{keep:0}:m".into()]).await;
        let mut errors: Vec<CommandError> = reply.err().into_iter().collect();
        for _ in 0..2 {
            errors.extend(put(&cache, 1, MINUTE).await.err());
            // What a fill finds near its end it makes live longer.
            end_soon(&mut client).await;
        }
        for answer in [cache.invalidate(["tag"]).await, cache.flush().await] {
            if let Err(InvalidateError::Pending(error)) = answer {
                errors.push(error);
            }
        }
        // It fails open: the handler's value, whatever Redis allows.
        cache
            .get_or_load("another", freshness(), async || Ok::<_, Infallible>(2))
            .await
            .unwrap();
        assert!(!errors.is_empty(), "{missing} is not needed");
        for error in errors {
            assert!(
                matches!(error, CommandError::Denied(_)),
                "{missing}: {error:?}"
            );
            assert_eq!(error.class(), "auth");
        }
        assert!(
            log.lines("a right is missing") > 0,
            "{missing}: {}",
            log.text()
        );
        assert!(manager.health().is_up(), "{missing}: {}", manager.health());
    }
}

#[tokio::test]
async fn a_denial_is_logged_once_for_each_connection() {
    let server = RedisServer::start().await;
    let mut client = server.client().await;
    grant(&mut client, &rights()).await;
    let (log, _guard) = Log::start();
    let manager = manager(&server).await;
    let redis = attach(&manager, &Profile::SESSION);
    for _ in 0..100 {
        assert!(redis.ttl("mine".into()).await.is_err());
    }
    assert_eq!(log.lines("a right is missing"), 1, "{}", log.text());

    let connections = redis.generation();
    client.words("CLIENT KILL TYPE normal SKIPME yes").await;
    eventually(SOON, async || redis.generation() > connections).await;
    manager.connected(SOON).await.unwrap();
    assert!(redis.ttl("mine".into()).await.is_err());
    assert_eq!(log.lines("a right is missing"), 2, "{}", log.text());
}

#[tokio::test]
async fn a_database_needs_its_right_too() {
    let server = RedisServer::start().await;
    let mut client = server.client().await;
    grant(&mut client, &rights()).await;
    let url = format!("redis://app:secret@{}/1{PATIENT}", server.address());
    let manager = ConnectionManager::open(&url).unwrap();
    eventually(SOON, async || {
        manager.health().to_string().contains("NOPERM")
    })
    .await;
    let redis = attach(&manager, &Profile::SESSION);
    let answer = redis.get("key".into()).await;
    assert!(matches!(answer, Err(CommandError::Denied(_))), "{answer:?}");

    client.words("ACL SETUSER app +select").await;
    manager.connected(SOON).await.unwrap();
    uses_all_of(&Cache::new(manager)).await;
}

/// The rights in the guide, and these of it that are for other forms of Redis.
fn rights_and(more: &[&'static str]) -> Vec<&'static str> {
    for right in more {
        // In a table, a bar would end the cell.
        assert!(GUIDE.contains(&right.replace('|', "\\|")), "{right}");
    }
    [&rights(), more].concat()
}

fn with_user(url: &str, user: &str) -> String {
    url.replacen("://", &format!("://{user}@"), 1)
}

#[tokio::test]
async fn in_a_cluster_the_map_of_the_slots_must_be_allowed() {
    let cluster = RedisCluster::start().await;
    let url = with_user(&cluster.url(), "app:secret") + PATIENT;
    let rights = rights_and(&["+cluster|slots", "+asking", "~keep:probe:*"]);
    for node in cluster.nodes() {
        grant(&mut node.client().await, &rights).await;
    }
    let manager = ConnectionManager::open(&url).unwrap();
    manager.connected(SOON).await.unwrap();
    uses_all_of(&Cache::new(manager)).await;

    for node in cluster.nodes() {
        accepts(&mut node.client().await, "ACL SETUSER app -cluster|slots").await;
    }
    let manager = ConnectionManager::open(&url).unwrap();
    eventually(SOON, async || {
        manager.health().to_string().contains("NOPERM")
    })
    .await;
}

#[tokio::test]
async fn with_sentinels_the_role_must_be_allowed() {
    let group = RedisSentinel::builder().replicas(0).start().await;
    let mut sentinel = group.sentinels()[0].client().await;
    accepts(
        &mut sentinel,
        "ACL SETUSER watcher reset on >lookout +sentinel",
    )
    .await;
    let mut master = group.servers()[0].client().await;
    grant(&mut master, &rights_and(&["+role"])).await;
    let patient = PATIENT.replace('?', "&");
    let url = with_user(&group.url(), "app:secret");
    let url = format!("{url}&sentinel_username=watcher&sentinel_password=lookout{patient}");
    let manager = ConnectionManager::open(&url).unwrap();
    manager.connected(SOON).await.unwrap();
    uses_all_of(&Cache::new(manager)).await;

    accepts(&mut master, "ACL SETUSER app -role").await;
    let manager = ConnectionManager::open(&url).unwrap();
    eventually(SOON, async || {
        manager.health().to_string().contains("NOPERM")
    })
    .await;
}

#[tokio::test]
async fn databases_are_kept_apart() {
    let server = RedisServer::start().await;
    let mut handles = Vec::new();
    for database in ["", "/1", "/15"] {
        let url = format!("{}{database}{PATIENT}", server.url());
        handles.push(connect(&url, &Profile::SESSION).await);
    }
    let set = SetOptions::default();
    let redis = &handles[1].1;
    redis.set("key".into(), text("one"), set).await.unwrap();
    for ((_, redis), expected) in handles.iter().zip([None, Some(text("one")), None]) {
        assert_eq!(redis.get("key".into()).await, Ok(expected));
    }
    // And after a reconnect.
    let connections = redis.generation();
    server
        .client()
        .await
        .words("CLIENT KILL TYPE normal SKIPME yes")
        .await;
    eventually(SOON, async || redis.generation() > connections).await;
    handles[1].0.connected(SOON).await.unwrap();
    assert_eq!(redis.get("key".into()).await, Ok(Some(text("one"))));
}
