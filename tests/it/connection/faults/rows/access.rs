//! The server does not let us in.

use testkit::RedisServer;

use super::{BOTH, Client, Row};

#[tokio::test]
async fn wrong_password_tcp() {
    let server = RedisServer::builder().password("open-sesame").start().await;
    let mut admin = server.client().await;
    let client = Client::to("TCP", &format!("redis://:open-barley@{}", server.address()));
    let mut row = Row::begin_broken("wrong password", client);
    row.shuts(&BOTH).await;
    let health = row.manager.health().to_string();
    assert!(health.contains("credentials refused"), "{health}");
    admin.words("CONFIG SET requirepass open-barley").await;
    row.resumes().await;
    // Until the first attempt nobody knows why there is no connection.
    row.end(&["Auth", "Unavailable"], &["Auth", "Unavailable"])
        .await;
}

#[tokio::test]
async fn password_changed_tcp() {
    let server = RedisServer::builder().password("open-sesame").start().await;
    let mut admin = server.client().await;
    let mut row = Row::begin("password changed", Client::tcp(&server)).await;
    admin.words("CONFIG SET requirepass open-barley").await;
    // Redis does not mind until the next connection.
    row.serve().await;
    admin.words("CLIENT KILL TYPE normal SKIPME yes").await;
    row.shuts(&BOTH).await;
    admin.words("CONFIG SET requirepass open-sesame").await;
    row.resumes().await;
    let told = ["Auth", "Interrupted", "Deadline", "Unavailable"];
    row.end(&told, &told).await;
}
