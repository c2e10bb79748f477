//! A server that has nothing to answer from: it loads its data, or follows a master that is gone.

use testkit::{Loading, RedisServer, Snapshot, eventually};
use tower_keep_core::connection::Class;

use super::{super::super::SOON, BOTH, Client, Row};

const TOLD: [&str; 4] = ["Deadline", "Interrupted", "Unavailable", "Loading"];

/// What a server holds that takes a while to load.
async fn much(server: &RedisServer) -> Snapshot {
    let mut client = server.client().await;
    client.words("CONFIG SET rdbcompression no").await;
    let fill = "for n = 1, 3000 do redis.call('SET', n, string.rep(n, 1100)) end";
    client.command(&[b"EVAL", fill.as_bytes(), b"0"]).await;
    server.snapshot().await
}

#[tokio::test]
async fn loading_tcp() {
    let server = RedisServer::start().await;
    let snapshot = much(&server).await;
    let mut row = Row::begin("LOADING", Client::tcp(&server)).await;
    server.restart_loading(&snapshot, Loading::Told).await;
    eventually(SOON, async || {
        row.manager.health().to_string().contains("loading")
    })
    .await;
    row.shuts(&BOTH).await;
    server.load_on().await;
    row.resumes().await;
    row.end(&TOLD, &TOLD).await;
}

/// Over before the test could say so: how long it took to resume says nothing.
#[tokio::test]
async fn loading_in_silence_tcp() {
    let server = RedisServer::start().await;
    let snapshot = much(&server).await;
    let mut row = Row::begin("LOADING, in silence", Client::tcp(&server)).await;
    server.restart_loading(&snapshot, Loading::Silent).await;
    row.shuts(&BOTH).await;
    eventually(SOON, async || row.manager.health().is_up()).await;
    row.resumes().await;
    row.end(&TOLD, &TOLD).await;
}

/// A replica that does not serve what may be old.
#[tokio::test]
async fn masterdown_tcp() {
    let master = RedisServer::start().await;
    let replica = RedisServer::replica_of(&master).await;
    let mut client = replica.client().await;
    client.words("CONFIG SET replica-serve-stale-data no").await;
    let mut row = Row::begin_broken("MASTERDOWN", Client::tcp(&replica));
    row.serves(Class::Read).await;
    master.kill();
    row.shuts(&[Class::Read]).await;
    assert!(row.manager.health().to_string().contains("loading"));
    client.words("REPLICAOF NO ONE").await;
    row.resumes().await;
    row.end(&TOLD, &[&TOLD[..], &["ReadOnly"]].concat()).await;
}
