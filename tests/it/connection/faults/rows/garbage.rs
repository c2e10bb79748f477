//! Something answers that is no Redis.

use testkit::{
    RedisServer,
    proxy::{Direction, FaultProxy},
};

use super::{AWAY, BOTH, Client, Row};

#[tokio::test]
async fn garbage_tcp() {
    let server = RedisServer::start().await;
    let proxy = FaultProxy::start(server.address()).await;
    let client = Client::to("TCP", &format!("redis://{}", proxy.address()));
    let mut row = Row::begin("garbage", client).await;
    // Every new connection begins with it too.
    proxy.garbage(Direction::ToClient, b"HTTP/1.1 400 Bad Request\r\n\r\n");
    row.shuts(&BOTH).await;
    proxy.heal();
    row.resumes().await;
    row.end(&AWAY, &AWAY).await;
}
