//! A name that moves to another address.

use std::{env, fs, net::SocketAddr, path::Path};

use testkit::{
    Capability, RedisServer, eventually, port,
    process::{parent, reexec_with_hosts},
    proxy::FaultProxy,
    require,
};

use super::{super::super::SOON, AWAY, BOTH, Client, Row};

const HOSTS: &str = "HOSTS";
const NAME: &str = "redis.moving.test";

/// Runs again where it has an `/etc/hosts` of its own.
#[tokio::test]
async fn name_that_moves_tcp() {
    if parent().is_some() {
        return moves(Path::new(&env::var_os(HOSTS).unwrap())).await;
    }
    if !require(Capability::OwnHosts) {
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let hosts = folder.path().join("hosts");
    fs::write(&hosts, "").unwrap();
    let environment = [(HOSTS, hosts.to_str().unwrap())];
    let test = "connection::faults::rows::name::name_that_moves_tcp";
    reexec_with_hosts(test, &environment, &hosts).finish().await;
}

async fn moves(hosts: &Path) {
    let [before, after] = [RedisServer::start().await, RedisServer::start().await];
    let port = port::free();
    let old = FaultProxy::start_at(SocketAddr::from(([127, 0, 0, 2], port)), before.address());
    let old = old.await;
    let _new =
        FaultProxy::start_at(SocketAddr::from(([127, 0, 0, 3], port)), after.address()).await;
    fs::write(hosts, format!("127.0.0.2 {NAME}\n")).unwrap();
    let client = Client::to("TCP", &format!("redis://{NAME}:{port}"));
    let mut row = Row::begin("name that moves", client).await;
    let first = row.manager.incarnation().unwrap();

    drop(old);
    row.shuts(&BOTH).await;
    fs::write(hosts, format!("127.0.0.3 {NAME}\n")).unwrap();
    row.resumes().await;
    eventually(SOON, async || {
        row.manager.incarnation().unwrap().run_id != first.run_id
    })
    .await;
    row.end(&AWAY, &AWAY).await;
}
