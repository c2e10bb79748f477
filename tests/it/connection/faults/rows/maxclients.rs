//! A server that has no room for another connection.

use testkit::{RedisServer, eventually};

use super::{super::super::SOON, AWAY, BOTH, Client, Row};

/// With a password: its reply to that is the only place where it says why.
async fn server() -> RedisServer {
    RedisServer::builder().password("open-sesame").start().await
}

async fn says_so(row: &Row) {
    eventually(SOON, async || {
        let health = row.manager.health().to_string();
        health.contains("max number of clients")
    })
    .await;
}

#[tokio::test]
async fn maxclients_at_the_start_tcp() {
    let server = server().await;
    let mut client = server.client().await;
    client.words("CONFIG SET maxclients 1").await;
    let mut row = Row::begin_broken("maxclients at the start", Client::tcp(&server));
    row.shuts(&BOTH).await;
    says_so(&row).await;
    client.words("CONFIG SET maxclients 100").await;
    row.resumes().await;
    row.end(&AWAY, &AWAY).await;
}

#[tokio::test]
async fn maxclients_after_a_cut_tcp() {
    let server = server().await;
    let mut client = server.client().await;
    let mut row = Row::begin("maxclients after a cut", Client::tcp(&server)).await;
    client.words("CONFIG SET maxclients 1").await;
    client.words("CLIENT KILL TYPE normal SKIPME yes").await;
    row.shuts(&BOTH).await;
    says_so(&row).await;
    client.words("CONFIG SET maxclients 100").await;
    row.resumes().await;
    row.end(&AWAY, &AWAY).await;
}
