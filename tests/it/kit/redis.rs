use std::time::Duration;

use testkit::resp::Client;
use testkit::{RedisServer, eventually};
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(10);
const A_WHILE: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_server_answers_on_tcp_and_on_its_socket() {
    let server = RedisServer::start().await;
    let mut client = server.client().await;
    assert_eq!(client.words("SET key value").await, "OK");
    let mut unix = Client::connect(&server.unix_url()).await.unwrap();
    assert_eq!(unix.command(&[b"GET", b"key"]).await, "value");
    assert!(server.address().ip().is_loopback());
}

#[tokio::test]
async fn a_server_with_a_password_refuses_who_does_not_know_it() {
    let server = RedisServer::builder()
        .password("open: sesame/@1")
        .unix_socket()
        .start()
        .await;
    assert!(server.url().starts_with("redis+unix://"));
    assert_eq!(server.client().await.words("PING").await, "PONG");
    let mut stranger = Client::connect(&format!("redis://{}", server.address()))
        .await
        .unwrap();
    assert!(stranger.words("PING").await.text().starts_with("NOAUTH"));
}

#[tokio::test]
async fn a_paused_server_is_silent_and_then_does_what_it_was_told() {
    let server = RedisServer::start().await;
    let mut client = server.client().await;
    server.pause();
    client.send(&[b"INCR", b"n"]).await.unwrap();
    assert!(timeout(A_WHILE, client.receive()).await.is_err());
    // The kernel accepts for it: a connection that can be made proves nothing.
    let mut late = server.client().await;
    server.resume();
    assert_eq!(timeout(SOON, client.receive()).await.unwrap().unwrap(), 1);
    assert_eq!(late.words("GET n").await, "1");
}

#[tokio::test]
async fn a_killed_server_is_gone_and_comes_back_empty_on_the_same_port() {
    let server = RedisServer::start().await;
    let (url, pid) = (server.url(), server.pid());
    let mut client = server.client().await;
    client.words("SET key value").await;
    server.kill();
    assert!(client.try_command(&[b"PING"]).await.is_err());
    assert!(Client::connect(&url).await.is_err());
    server.restart().await;
    assert_eq!(server.url(), url);
    assert_ne!(server.pid(), pid);
    assert!(server.client().await.words("GET key").await.is_nil());
}

#[tokio::test]
async fn a_paused_server_can_be_killed() {
    let server = RedisServer::start().await;
    server.pause();
    server.kill();
    assert!(Client::connect(&server.url()).await.is_err());
}

#[tokio::test]
async fn a_server_comes_back_with_an_older_state() {
    let server = RedisServer::start().await;
    let mut client = server.client().await;
    client.words("SET key old").await;
    let snapshot = server.snapshot().await;
    client.words("SET key new").await;
    server.restart_from(&snapshot).await;
    assert_eq!(server.client().await.words("GET key").await, "old");
    server.restart().await;
    assert!(server.client().await.words("GET key").await.is_nil());
}

#[tokio::test]
async fn a_dropped_server_leaves_no_process_and_no_folder() {
    let server = RedisServer::start().await;
    let url = server.url();
    let folder = server
        .unix_url()
        .replace("redis+unix://", "")
        .replace("/redis.sock", "");
    assert!(std::path::Path::new(&folder).is_dir());
    drop(server);
    assert!(Client::connect(&url).await.is_err());
    assert!(!std::path::Path::new(&folder).exists());
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let error = RedisServer::builder()
        .arg("--no-such-option")
        .try_start()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no-such-option"), "{error}");
}

#[tokio::test]
async fn shared_servers_give_each_test_its_own_namespace() {
    let (one, other) = (testkit::redis().await, testkit::redis().await);
    assert_eq!(one.url(), other.url());
    assert_ne!(one.namespace(), other.namespace());
    let key = format!("{}:key", one.namespace());
    let mut client = one.client().await;
    client.words(&format!("SET {key} 1 PX 20")).await;
    eventually(SOON, async || {
        client.words(&format!("EXISTS {key}")).await == 0
    })
    .await;
}
