//! The network between loses bytes.

use testkit::RedisServer;
use testkit::proxy::{Direction, FaultProxy};

use super::{AWAY, BOTH, Client, Row};

#[tokio::test]
async fn black_hole_tcp() {
    let server = RedisServer::start().await;
    let proxy = FaultProxy::start(server.address()).await;
    let client = Client::to("TCP", &format!("redis://{}", proxy.address()));
    let mut row = Row::begin("black hole", client).await;
    proxy.black_hole(Direction::Both);
    row.shuts(&BOTH).await;
    proxy.heal();
    row.resumes().await;
    row.end(&AWAY, &AWAY).await;
}
