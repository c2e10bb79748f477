//! The network between loses bytes, or connections.

use testkit::{
    RedisServer,
    proxy::{Direction, FaultProxy, SilentListener},
};
use tower_keep_core::connection::{ConnectionManager, Profile};

use super::{AWAY, BOTH, Client, Row, tls_server};

/// Half a reply is long enough to be one, were it not for its length.
const HALF: u64 = 50_000;

async fn behind_a_proxy() -> (RedisServer, FaultProxy, Client) {
    let server = RedisServer::start().await;
    let proxy = FaultProxy::start(server.address()).await;
    let client = Client::to("TCP", &format!("redis://{}", proxy.address()));
    (server, proxy, client)
}

async fn black_hole(fault: &'static str, proxy: &FaultProxy, client: Client, direction: Direction) {
    let mut row = Row::begin(fault, client).await;
    proxy.black_hole(direction);
    row.shuts(&BOTH).await;
    // The old connection stays silent for ever.
    proxy.heal();
    row.resumes().await;
    row.end(&AWAY, &AWAY).await;
}

#[tokio::test]
async fn black_hole_tcp() {
    let (_server, proxy, client) = behind_a_proxy().await;
    black_hole("black hole", &proxy, client, Direction::Both).await;
}

#[tokio::test]
async fn black_hole_tcp_session() {
    let (_server, proxy, client) = behind_a_proxy().await;
    let client = client.profile(Profile::SESSION);
    black_hole("black hole", &proxy, client, Direction::Both).await;
}

#[tokio::test]
async fn black_hole_tls() {
    let Some((server, authority)) = tls_server().await else {
        return;
    };
    let proxy = FaultProxy::start(server.tls_address()).await;
    let builder = ConnectionManager::builder(&format!("rediss://{}", proxy.address())).unwrap();
    let client = Client::of("TLS", builder.roots(authority.pem()));
    black_hole("black hole", &proxy, client, Direction::Both).await;
}

#[tokio::test]
async fn black_hole_for_commands_tcp() {
    let (_server, proxy, client) = behind_a_proxy().await;
    black_hole(
        "black hole for commands",
        &proxy,
        client,
        Direction::ToServer,
    )
    .await;
}

#[tokio::test]
async fn black_hole_for_replies_tcp() {
    let (_server, proxy, client) = behind_a_proxy().await;
    black_hole(
        "black hole for replies",
        &proxy,
        client,
        Direction::ToClient,
    )
    .await;
}

#[tokio::test]
async fn connecting_is_not_answered_tcp() {
    let nobody = SilentListener::start().await;
    let client = Client::to("TCP", &format!("redis://{}", nobody.address()));
    let mut row = Row::begin_broken("connecting is not answered", client);
    row.shuts(&BOTH).await;
    row.end(&["Unavailable"], &["Unavailable"]).await;
}

#[tokio::test]
async fn accepted_and_never_answered_tcp() {
    let (_server, proxy, client) = behind_a_proxy().await;
    proxy.black_hole(Direction::Both);
    let mut row = Row::begin_broken("accepted and never answered", client);
    row.shuts(&BOTH).await;
    proxy.heal();
    row.resumes().await;
    row.end(&["Unavailable"], &["Unavailable"]).await;
}

/// An event: the next connection is well.
async fn once(fault: &'static str, end: fn(&FaultProxy)) {
    let (_server, proxy, client) = behind_a_proxy().await;
    let mut row = Row::begin(fault, client).await;
    end(&proxy);
    row.connects_again().await;
    row.resumes().await;
    row.end(&AWAY, &AWAY).await;
}

#[tokio::test]
async fn connection_closed_tcp() {
    once("connection closed", FaultProxy::cut).await;
}

#[tokio::test]
async fn connection_reset_tcp() {
    once("connection reset", FaultProxy::reset).await;
}

/// A reply that is half there is no reply.
async fn mid_reply(fault: &'static str, end: fn(&FaultProxy, Direction, u64)) {
    let (_server, proxy, client) = behind_a_proxy().await;
    let mut row = Row::begin(fault, client).await;
    row.stores(2 * HALF).await;
    end(&proxy, Direction::ToClient, HALF);
    row.connects_again().await;
    proxy.heal();
    row.resumes().await;
    row.end(&AWAY, &AWAY).await;
}

#[tokio::test]
async fn closed_in_mid_reply_tcp() {
    mid_reply("closed in mid-reply", FaultProxy::truncate).await;
}

#[tokio::test]
async fn reset_in_mid_reply_tcp() {
    mid_reply("reset in mid-reply", FaultProxy::break_off).await;
}
