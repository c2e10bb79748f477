//! The client library without the manager, with the options that the manager gives it.

use std::fmt;
use std::hint::black_box;

use bytes::Bytes;
use fred::clients::{Client, WithOptions};
use fred::interfaces::{ClientLike, KeysInterface, LuaInterface};
use fred::types::config::{Config, Options, TcpConfig};
use fred::types::{Builder, Value};
use tokio::runtime::Runtime;

use super::{PATIENCE, REQUESTS, SCRIPT, keys, runtime};

pub(crate) async fn bare(url: &str) -> WithOptions<Client> {
    let config = Config::from_url(url).expect("a URL");
    let client = Builder::from_config(config)
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

/// A connection and the keys of [`Connected`](super::Connected).
pub(crate) struct Bare {
    runtime: Runtime,
    client: WithOptions<Client>,
    keys: Vec<Bytes>,
    sha: String,
}

impl fmt::Debug for Bare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bare(..)")
    }
}

impl Bare {
    pub(crate) fn with(length: usize) -> Self {
        let runtime = runtime();
        let (client, keys) = runtime.block_on(async {
            let redis = testkit::redis().await;
            let client = bare(redis.url()).await;
            let keys = keys(length).map(Bytes::from);
            for key in &keys {
                let value = Bytes::from(vec![b'x'; length]);
                let _: () = client
                    .set(key.clone(), value, None, None, false)
                    .await
                    .expect("a running Redis");
            }
            let _: Value = client
                .eval(SCRIPT, vec![keys[0].clone()], Vec::<Bytes>::new())
                .await
                .expect("a running Redis");
            (client, keys)
        });
        let bare = Self {
            runtime,
            client,
            keys: keys.into(),
            sha: fred::util::sha1_hash(SCRIPT),
        };
        bare.get(REQUESTS / 10);
        bare
    }

    pub(crate) fn get(&self, times: usize) {
        self.runtime.block_on(async {
            for _ in 0..times {
                let value: Option<Bytes> = self
                    .client
                    .get(self.keys[0].clone())
                    .await
                    .expect("a running Redis");
                black_box(value);
            }
        });
    }

    pub(crate) fn mget(&self, times: usize) {
        self.runtime.block_on(async {
            for _ in 0..times {
                let values: Vec<Option<Bytes>> = self
                    .client
                    .mget(self.keys.clone())
                    .await
                    .expect("a running Redis");
                black_box(values);
            }
        });
    }

    pub(crate) fn script(&self, times: usize) {
        self.runtime.block_on(async {
            for _ in 0..times {
                let keys = vec![self.keys[0].clone()];
                let args = vec![Bytes::from_static(b"1"), Bytes::from_static(b"2")];
                let value: Value = self
                    .client
                    .evalsha(self.sha.as_str(), keys, args)
                    .await
                    .expect("a running Redis");
                black_box(value);
            }
        });
    }
}
