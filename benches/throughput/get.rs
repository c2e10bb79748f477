//! The clients that are compared. Each answers with the length of the value.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use fred::clients::{Client, WithOptions};
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::Builder;
use fred::types::config::{Config, Options, TcpConfig};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use tower_keep::connection::{Key, Redis};

pub(crate) const KEY: &str = "bench";
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) trait Get: Clone + Send + Sync + 'static {
    fn get(&self) -> impl Future<Output = usize> + Send;
}

impl Get for Redis {
    async fn get(&self) -> usize {
        let value = Self::get(self, Key::from(KEY)).await;
        value
            .expect("a running Redis")
            .map_or(0, |value| value.len())
    }
}

impl Get for WithOptions<Client> {
    async fn get(&self) -> usize {
        let value: Option<Bytes> = KeysInterface::get(self, Bytes::from_static(KEY.as_bytes()))
            .await
            .expect("a running Redis");
        value.map_or(0, |value| value.len())
    }
}

impl Get for ConnectionManager {
    async fn get(&self) -> usize {
        let mut connection = self.clone();
        let value: Option<Bytes> = redis::cmd("GET")
            .arg(KEY)
            .query_async(&mut connection)
            .await
            .expect("a running Redis");
        value.map_or(0, |value| value.len())
    }
}

/// The client library as the manager sets it.
pub(crate) async fn bare(url: &str) -> WithOptions<Client> {
    let client = Builder::from_config(Config::from_url(url).expect("a URL"))
        .with_connection_config(|connection| {
            connection.tcp = TcpConfig {
                nodelay: Some(true),
                ..TcpConfig::default()
            };
        })
        .build()
        .expect("good settings");
    client.init().await.expect("a running Redis");
    client.with_options(&Options {
        fail_fast: true,
        max_attempts: Some(1),
        timeout: Some(PATIENCE),
        ..Options::default()
    })
}

pub(crate) async fn redis_rs(url: &str) -> ConnectionManager {
    let config = ConnectionManagerConfig::new().set_response_timeout(Some(PATIENCE));
    let client = redis::Client::open(url).expect("a URL");
    client
        .get_connection_manager_with_config(config)
        .await
        .expect("a running Redis")
}
