//! The server is there and says no, or nothing.

use testkit::{RedisCluster, RedisSentinel, RedisServer, eventually, resp::Client as Admin};
use tower_keep_core::connection::Class;

use super::{super::super::SOON, AWAY, BOTH, Client, Row, tls_server};

async fn does(admin: &mut Admin, command: &str) {
    let reply = admin.words(command).await;
    assert!(!reply.is_error(), "{command}: {reply:?}");
}

/// It cannot be ended, for that is a command too.
#[tokio::test]
async fn client_pause_all_tcp() {
    let server = RedisServer::start().await;
    let mut admin = server.client().await;
    let mut row = Row::begin("CLIENT PAUSE ALL", Client::tcp(&server)).await;
    does(&mut admin, "CLIENT PAUSE 5000 ALL").await;
    row.shuts(&BOTH).await;
    // Has its answer when the pause is over.
    does(&mut admin, "PING").await;
    row.resumes().await;
    row.end(&AWAY, &AWAY).await;
}

/// A connection that has sent a write is answered nothing more, and nobody pays for finding that out twice.
async fn client_pause_write(server: &RedisServer, client: Client) {
    let mut admin = server.client().await;
    let mut row = Row::begin("CLIENT PAUSE WRITE", client).await;
    does(&mut admin, "CLIENT PAUSE 600000 WRITE").await;
    row.shuts(&BOTH).await;
    row.shuts(&BOTH).await;
    does(&mut admin, "CLIENT UNPAUSE").await;
    row.resumes().await;
    row.end(&AWAY, &AWAY).await;
}

#[tokio::test]
async fn client_pause_write_tcp() {
    let server = RedisServer::start().await;
    client_pause_write(&server, Client::tcp(&server)).await;
}

#[tokio::test]
async fn client_pause_write_cluster() {
    let cluster = RedisCluster::start().await;
    let client = Client::cluster(&cluster);
    client_pause_write(cluster.master_of("{a}").await, client).await;
}

async fn client_kill(server: &RedisServer, client: Client) {
    let mut admin = server.client().await;
    let mut row = Row::begin("CLIENT KILL", client).await;
    let incarnation = row.manager.incarnation();
    does(&mut admin, "CLIENT KILL TYPE normal SKIPME yes").await;
    row.connects_again().await;
    row.resumes().await;
    assert_eq!(
        row.manager.incarnation(),
        incarnation,
        "it is the same server"
    );
    row.end(&AWAY, &AWAY).await;
}

#[tokio::test]
async fn client_kill_tcp() {
    let server = RedisServer::start().await;
    client_kill(&server, Client::tcp(&server)).await;
}

#[tokio::test]
async fn client_kill_unix_socket() {
    let server = RedisServer::start().await;
    client_kill(&server, Client::unix(&server)).await;
}

#[tokio::test]
async fn client_kill_tls() {
    if let Some((server, authority)) = tls_server().await {
        client_kill(&server, Client::tls(&server, &authority)).await;
    }
}

#[tokio::test]
async fn client_kill_cluster() {
    let cluster = RedisCluster::start().await;
    let client = Client::cluster(&cluster);
    client_kill(cluster.master_of("{a}").await, client).await;
}

#[tokio::test]
async fn client_kill_sentinel() {
    let group = RedisSentinel::start().await;
    client_kill(group.master().await, Client::sentinel(&group)).await;
}

async fn out_of_memory(server: &RedisServer, client: Client) {
    let mut admin = server.client().await;
    let mut row = Row::begin("OOM", client).await;
    does(&mut admin, "CONFIG SET maxmemory 1").await;
    row.shuts(&[Class::Write]).await;
    row.serves(Class::Read).await;
    let health = row.manager.health();
    assert!(health.read.is_up());
    assert!(health.to_string().contains("out of memory"), "{health}");
    does(&mut admin, "CONFIG SET maxmemory 0").await;
    row.resumes().await;
    row.end(&[], &["OutOfMemory"]).await;
}

#[tokio::test]
async fn oom_tcp() {
    let server = RedisServer::start().await;
    out_of_memory(&server, Client::tcp(&server)).await;
}

#[tokio::test]
async fn oom_sentinel() {
    let group = RedisSentinel::start().await;
    out_of_memory(group.master().await, Client::sentinel(&group)).await;
}

/// What one master says is about its own keys.
#[tokio::test]
async fn oom_cluster() {
    let cluster = RedisCluster::start().await;
    let client = Client::cluster(&cluster);
    out_of_memory(cluster.master_of("{a}").await, client).await;
}

#[tokio::test]
async fn readonly_tcp() {
    let (primary, server) = (RedisServer::start().await, RedisServer::start().await);
    let mut admin = server.client().await;
    let mut row = Row::begin("READONLY", Client::tcp(&server)).await;
    let before = row.manager.incarnation().unwrap();
    let port = primary.address().port();
    does(&mut admin, &format!("REPLICAOF 127.0.0.1 {port}")).await;
    row.shuts(&[Class::Write]).await;
    row.serves(Class::Read).await;
    let health = row.manager.health().to_string();
    assert!(health.contains("READONLY"), "{health}");
    eventually(SOON, async || {
        row.manager.incarnation() != Some(before.clone())
    })
    .await;
    does(&mut admin, "REPLICAOF NO ONE").await;
    row.resumes().await;
    eventually(SOON, async || {
        row.manager.incarnation() == Some(before.clone())
    })
    .await;
    row.end(&[], &["ReadOnly"]).await;
}

async fn busy(server: &RedisServer, client: Client) {
    let mut admin = server.client().await;
    does(&mut admin, "CONFIG SET busy-reply-threshold 10").await;
    let mut row = Row::begin("BUSY", client).await;
    let endless: [&[u8]; 3] = [b"EVAL", b"while true do end", b"0"];
    admin.send(&endless).await.unwrap();
    row.shuts(&BOTH).await;
    does(&mut server.client().await, "SCRIPT KILL").await;
    row.resumes().await;
    let told = ["Busy", "Interrupted", "Deadline", "Unavailable"];
    row.end(&told, &told).await;
}

#[tokio::test]
async fn busy_tcp() {
    let server = RedisServer::start().await;
    busy(&server, Client::tcp(&server)).await;
}

#[tokio::test]
async fn busy_cluster() {
    let cluster = RedisCluster::start().await;
    let client = Client::cluster(&cluster);
    busy(cluster.master_of("{a}").await, client).await;
}
