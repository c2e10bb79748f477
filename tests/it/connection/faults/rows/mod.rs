//! The rows, by what breaks.

mod access;
mod cluster;
mod durability;
mod garbage;
mod loading;
mod maxclients;
mod name;
mod network;
mod process;
mod replies;
mod sentinel;

use testkit::{Authority, Capability, RedisServer, require};

use super::{AWAY, BOTH, Client, Row};

/// `None` where Redis has no TLS.
async fn tls_server() -> Option<(RedisServer, Authority)> {
    if !require(Capability::RedisTls) {
        return None;
    }
    let authority = Authority::new("ours");
    let certificate = authority.issue(&["127.0.0.1"]);
    let server = RedisServer::builder().tls(&authority, &certificate);
    Some((server.start().await, authority))
}
