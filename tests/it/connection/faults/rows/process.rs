//! The server's process dies, or hangs.

use testkit::RedisServer;
use tower_keep_core::connection::Profile;

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

async fn sigstop(server: &RedisServer, client: Client) {
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
