//! The server's process dies, or hangs.

use std::time::Duration;

use testkit::RedisServer;
use tower_keep_core::connection::{Class, ConnectError, Profile};

use super::{AWAY, BOTH, Client, Row, tls_server};

async fn sigkill(server: &RedisServer, client: Client) {
    let mut row = Row::begin("SIGKILL, restarted empty", client).await;
    let (before, life) = (row.manager.incarnation().unwrap(), row.redis.life());
    server.kill();
    row.shuts(&BOTH).await;
    server.restart().await;
    row.resumes().await;
    let after = row.manager.incarnation().unwrap();
    assert_ne!(before.run_id, after.run_id);
    assert_eq!(row.redis.life(), life + 1);
    row.end(&AWAY, &AWAY).await;
}

#[tokio::test]
async fn sigkill_restarted_empty_tcp() {
    let server = RedisServer::start().await;
    sigkill(&server, Client::tcp(&server)).await;
}

#[tokio::test]
async fn sigkill_restarted_empty_tcp_session() {
    let server = RedisServer::start().await;
    sigkill(&server, Client::tcp(&server).profile(Profile::SESSION)).await;
}

#[tokio::test]
async fn sigkill_restarted_empty_unix_socket() {
    let server = RedisServer::start().await;
    sigkill(&server, Client::unix(&server)).await;
}

#[tokio::test]
async fn sigkill_restarted_empty_tls() {
    if let Some((server, authority)) = tls_server().await {
        sigkill(&server, Client::tls(&server, &authority)).await;
    }
}

/// What was written since is gone, and the server says so by a new run.
#[tokio::test]
async fn sigkill_restarted_from_an_older_dump_tcp() {
    let server = RedisServer::start().await;
    let client = Client::tcp(&server);
    let mut row = Row::begin("SIGKILL, restarted from an older dump", client).await;
    let before = row.manager.incarnation().unwrap();
    let dump = server.snapshot().await;
    row.serves(Class::Write).await;
    server.kill();
    row.shuts(&BOTH).await;
    server.restart_from(&dump).await;
    row.resumes().await;
    let after = row.manager.incarnation().unwrap();
    assert_ne!(before.run_id, after.run_id);
    row.end(&AWAY, &AWAY).await;
}

#[tokio::test]
async fn absent_at_the_start_tcp() {
    let server = RedisServer::start().await;
    server.kill();
    let mut row = Row::begin_broken("absent at the start", Client::tcp(&server));
    row.shuts(&BOTH).await;
    let waited = row.manager.connected(Duration::from_millis(50)).await;
    let Err(ConnectError::TimedOut { cause, .. }) = waited else {
        panic!("{waited:?}")
    };
    for told in [cause.to_string(), row.manager.health().to_string()] {
        assert!(told.contains("Connection refused"), "{told}");
    }
    assert_eq!(row.manager.incarnation(), None);
    server.restart().await;
    row.resumes().await;
    assert!(row.manager.incarnation().is_some());
    row.end(&["Unavailable"], &["Unavailable"]).await;
}

pub(super) async fn sigstop(server: &RedisServer, client: Client) {
    let mut row = Row::begin("SIGSTOP", client).await;
    server.pause();
    row.shuts(&BOTH).await;
    assert!(!row.manager.health().is_up());
    server.resume();
    row.resumes().await;
    row.end(&AWAY, &AWAY).await;
}

#[tokio::test]
async fn sigstop_tcp() {
    let server = RedisServer::start().await;
    sigstop(&server, Client::tcp(&server)).await;
}

#[tokio::test]
async fn sigstop_tcp_session() {
    let server = RedisServer::start().await;
    sigstop(&server, Client::tcp(&server).profile(Profile::SESSION)).await;
}

#[tokio::test]
async fn sigstop_unix_socket() {
    let server = RedisServer::start().await;
    sigstop(&server, Client::unix(&server)).await;
}

#[tokio::test]
async fn sigstop_tls() {
    if let Some((server, authority)) = tls_server().await {
        sigstop(&server, Client::tls(&server, &authority)).await;
    }
}
