//! The connection to Redis: what it promises when Redis is well, slow, full or gone.

mod acl;
mod basics;
mod cluster;
mod credentials;
mod faults;
mod garbage;
mod limits;
mod load;
mod logs;
mod masters;
mod metrics;
mod network;
mod open;
mod outage;
mod refusals;
mod scripts;
mod tls;

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Waker},
    time::Duration,
};

use bytes::Bytes;
use tower_keep_core::connection::{Backend, ConnectionManager, Profile, Redis};

const SOON: Duration = Duration::from_secs(20);

fn text(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn attach(manager: &ConnectionManager, profile: &Profile) -> Redis {
    match manager.attach(profile) {
        Backend::Redis(redis) => redis,
        Backend::Memory(_) => panic!("{manager:?} is no server"),
    }
}

/// A connected manager, and a handle that attaches to it as `profile` does.
async fn connect(url: &str, profile: &Profile) -> (ConnectionManager, Redis) {
    let manager = ConnectionManager::open(url).unwrap();
    let redis = attach(&manager, profile);
    manager.connected(SOON).await.unwrap();
    (manager, redis)
}

/// Polls once.
fn is_pending<F: Future>(future: Pin<&mut F>) -> bool {
    future
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_pending()
}
