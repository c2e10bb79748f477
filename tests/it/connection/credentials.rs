//! Getting in: users, passwords, and those that change.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use testkit::{Capability, RedisCluster, RedisServer, eventually, require, resp::Client};
use tower_keep_core::connection::{
    Cause, ClassHealth, CommandError, ConnectionManager, Credentials, Profile, SetOptions,
};

use super::{SOON, attach, connect, logs::Log, text};

const PATIENT: &str = "?command_timeout=2s&stall_age=1s";

async fn accepts(client: &mut Client, command: &[&str]) {
    let arguments: Vec<&[u8]> = command.iter().map(|word| word.as_bytes()).collect();
    let reply = client.command(&arguments).await;
    assert!(!reply.is_error(), "{command:?}: {reply:?}");
}

/// A user who may do everything, with this password.
async fn user(client: &mut Client, name: &str, password: &str) {
    let password = format!(">{password}");
    let rule = ["ACL", "SETUSER", name, "on", &password, "~*", "+@all"];
    accepts(client, &rule).await;
}

async fn kick(client: &mut Client) {
    accepts(
        client,
        &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"],
    )
    .await;
}

#[tokio::test]
async fn a_name_and_a_password_may_hold_any_character() {
    let server = RedisServer::start().await;
    let mut client = server.client().await;
    user(&mut client, "app@shop:1/ä", "p@ss:w/rd?&#%25 ü").await;
    let (name, password) = (
        "app%40shop%3A1%2F%C3%A4",
        "p%40ss%3Aw%2Frd%3F%26%23%2525%20%C3%BC",
    );
    let url = format!("redis://{name}:{password}@{}/2{PATIENT}", server.address());
    let (manager, redis) = connect(&url, &Profile::SESSION).await;
    redis.ping().await.unwrap();
    let users = client.words("CLIENT LIST").await;
    assert!(users.text().contains(" db=2 "), "{users:?}");
    let shown = format!("{manager:?} {redis:?} {}", manager.health());
    assert!(
        !shown.contains("p@ss") && !shown.contains("p%40ss"),
        "{shown}"
    );
}

#[tokio::test]
async fn an_ipv6_address_stands_in_brackets() {
    if !require(Capability::Ipv6) {
        return;
    }
    let server = RedisServer::builder()
        .password("open: sesame")
        .arg("--bind")
        .arg("127.0.0.1")
        .arg("::1")
        .start()
        .await;
    let port = server.address().port();
    let url = format!("redis://:open%3A%20sesame@[::1]:{port}/3{PATIENT}");
    let (manager, redis) = connect(&url, &Profile::SESSION).await;
    let set = SetOptions::default();
    redis.set("key".into(), text("value"), set).await.unwrap();
    assert!(format!("{manager:?}").contains(&format!("[::1]:{port}/3")));
    let (_manager, redis) = connect(&format!("{}/3", server.url()), &Profile::SESSION).await;
    assert_eq!(redis.get("key".into()).await, Ok(Some(text("value"))));
}

#[tokio::test]
async fn a_password_changed_under_way_is_told_and_healed() {
    let (log, _guard) = Log::start();
    let server = RedisServer::start().await;
    let mut client = server.client().await;
    user(&mut client, "app", "open-barley").await;
    let url = format!("redis://app:open-barley@{}{PATIENT}", server.address());
    let (manager, redis) = connect(&url, &Profile::SESSION).await;

    accepts(
        &mut client,
        &["ACL", "SETUSER", "app", "resetpass", ">open-sesame"],
    )
    .await;
    // Redis does not mind until the next connection.
    redis.ping().await.unwrap();
    kick(&mut client).await;
    eventually(SOON, async || {
        redis.get("key".into()).await == Err(CommandError::Auth)
    })
    .await;
    let health = manager.health();
    assert!(
        health.to_string().contains("credentials refused"),
        "{health}"
    );

    user(&mut client, "app", "open-barley").await;
    manager.connected(SOON).await.unwrap();
    assert_eq!(redis.get("key".into()).await, Ok(None));
    assert_eq!(
        log.lines("barley") + log.lines("sesame"),
        0,
        "{}",
        log.text()
    );
}

#[tokio::test]
async fn credentials_are_renewed_on_the_connection_that_stands() {
    let server = RedisServer::start().await;
    let mut client = server.client().await;
    user(&mut client, "app", "first").await;
    let current = Arc::new(Mutex::new("first"));
    let asked = Arc::clone(&current);
    let fetch = move || {
        let password = *asked.lock().unwrap();
        async move { Ok(Credentials::user("app", password)) }
    };
    let url = format!("redis://{}{PATIENT}", server.address());
    let manager = ConnectionManager::builder(&url)
        .unwrap()
        .credentials(fetch, Some(Duration::from_millis(20)))
        .open()
        .unwrap();
    let redis = attach(&manager, &Profile::SESSION);
    manager.connected(SOON).await.unwrap();

    // As tokens are rotated: both are good for a while, then the old one is not.
    user(&mut client, "app", "second").await;
    *current.lock().unwrap() = "second";
    accepts(&mut client, &["CONFIG", "RESETSTAT"]).await;
    eventually(SOON, async || {
        let stats = client.words("INFO commandstats").await;
        let calls = stats.text().split_once("cmdstat_auth:calls=");
        let calls = calls.and_then(|(_, rest)| rest.split(',').next()?.parse().ok());
        calls.unwrap_or(0) > 2
    })
    .await;
    accepts(&mut client, &["ACL", "SETUSER", "app", "<first"]).await;
    redis.ping().await.unwrap();
    assert_eq!(redis.generation(), 1, "it is the same connection");
    kick(&mut client).await;
    eventually(SOON, async || redis.generation() > 1).await;
    manager.connected(SOON).await.unwrap();
    assert_eq!(redis.get("key".into()).await, Ok(None));
}

#[tokio::test]
async fn a_provider_that_fails_is_asked_again_and_quoted() {
    let server = RedisServer::builder().password("open-sesame").start().await;
    let attempts = Arc::new(AtomicUsize::new(0));
    let good = Arc::new(Mutex::new(false));
    let (count, is_good) = (Arc::clone(&attempts), Arc::clone(&good));
    let fetch = move || {
        count.fetch_add(1, Ordering::SeqCst);
        let good = *is_good.lock().unwrap();
        async move {
            match good {
                true => Ok(Credentials::password("open-sesame")),
                false => Err("the vault is sealed".into()),
            }
        }
    };
    let url = format!("redis://{}{PATIENT}", server.address());
    let manager = ConnectionManager::builder(&url)
        .unwrap()
        .credentials(fetch, None)
        .open()
        .unwrap();
    let redis = attach(&manager, &Profile::SESSION);
    eventually(SOON, async || attempts.load(Ordering::SeqCst) > 2).await;
    eventually(SOON, async || match manager.health().read {
        ClassHealth::Down {
            cause: Cause::Auth(words),
        } => words.contains("the vault is sealed"),
        _ => false,
    })
    .await;
    assert_eq!(redis.get("key".into()).await, Err(CommandError::Auth));

    *good.lock().unwrap() = true;
    manager.connected(SOON).await.unwrap();
    assert_eq!(redis.get("key".into()).await, Ok(None));
}

/// The connection that asks for the map, and that to each master.
#[tokio::test]
async fn every_node_of_a_cluster_is_given_them() {
    let cluster = RedisCluster::start().await;
    for node in cluster.nodes() {
        user(&mut node.client().await, "app", "secret").await;
    }
    let fetched = Arc::new(AtomicUsize::new(0));
    let fetch = {
        let fetched = Arc::clone(&fetched);
        move || {
            fetched.fetch_add(1, Ordering::SeqCst);
            async { Ok(Credentials::user("app", "secret")) }
        }
    };
    let manager = ConnectionManager::builder(&(cluster.url() + PATIENT))
        .unwrap()
        .credentials(fetch, None)
        .open()
        .unwrap();
    let _redis = attach(&manager, &Profile::SESSION);
    manager.connected(SOON).await.unwrap();
    for node in cluster.nodes() {
        let clients = node.client().await.words("CLIENT LIST").await;
        assert!(clients.text().contains(" user=app "), "{clients:?}");
    }
    assert!(fetched.load(Ordering::SeqCst) >= cluster.nodes().len());
}
