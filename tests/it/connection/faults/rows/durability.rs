//! A server that takes no writes because it could not keep them: reads go on.

use testkit::RedisServer;
use tower_keep_core::connection::Class;

use super::{AWAY, Client, Row};

/// A busy machine may hold up the server while it forks, for longer than a cache's stall age.
const TOLD: [&str; 4] = ["Deadline", "Interrupted", "Unavailable", "ReadOnly"];

#[tokio::test]
async fn misconf_tcp() {
    let server = RedisServer::start().await;
    let mut row = Row::begin("MISCONF", Client::tcp(&server)).await;
    server.break_saves().await;
    row.shuts(&[Class::Write]).await;
    row.serves(Class::Read).await;
    server.mend_saves().await;
    row.resumes().await;
    row.end(&AWAY, &TOLD).await;
}

#[tokio::test]
async fn noreplicas_tcp() {
    let server = RedisServer::start().await;
    let mut client = server.client().await;
    let mut row = Row::begin("NOREPLICAS", Client::tcp(&server)).await;
    client.words("CONFIG SET min-replicas-to-write 1").await;
    row.shuts(&[Class::Write]).await;
    row.serves(Class::Read).await;
    client.words("CONFIG SET min-replicas-to-write 0").await;
    row.resumes().await;
    row.end(&AWAY, &TOLD).await;
}
