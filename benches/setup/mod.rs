//! What the benches share: a runtime that runs everything on one thread, a Redis, and the services that they call.

#![allow(dead_code, reason = "no bench uses all of it")]

mod case;
pub(crate) mod service;

use std::time::Duration;

use bytes::Bytes;
use gungraun::{Callgrind, Dhat, LibraryBenchmarkConfig};
use tokio::runtime::Runtime;
use tower_keep::connection::{Backend, ConnectionManager, Key, Profile, Redis, SetOptions};

#[allow(unused_imports, reason = "no bench uses all of it")]
pub(crate) use case::Case;

/// Requests per measurement, so that a figure divided by a thousand is the figure of one request.
pub(crate) const REQUESTS: usize = 1000;

/// Counts instructions with callgrind and allocations with dhat, which must see whole stacks to know what belongs to a
/// bench. The Redis that a bench starts is not counted.
pub(crate) fn config() -> LibraryBenchmarkConfig {
    let mut config = LibraryBenchmarkConfig::default();
    config
        .env_clear(false)
        .tool(Callgrind::with_args(["--trace-children=no"]))
        .tool(Dhat::with_args([
            "--trace-children=no",
            "--num-callers=250",
        ]));
    config
}

/// One thread, so that callgrind, which counts per thread, sees the tasks of the connection too.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// A connected manager, with deadlines that a program under valgrind can meet.
pub(crate) fn manager(runtime: &Runtime) -> ConnectionManager {
    runtime.block_on(async {
        let redis = testkit::redis().await;
        let url = format!(
            "{}?command_timeout=30s&stall_age=30s&probe_interval=60s",
            redis.url()
        );
        let manager = ConnectionManager::open(&url).expect("a URL");
        manager
            .connected(Duration::from_secs(60))
            .await
            .expect("a running Redis");
        manager
    })
}

/// The typed operations of a handle of the cache's kind.
pub(crate) fn redis(manager: &ConnectionManager) -> Redis {
    match manager.attach(&Profile::CACHE) {
        Backend::Redis(redis) => redis,
        _ => unreachable!("the URL is that of a server"),
    }
}

/// A connection and one key with a value of so many bytes.
#[derive(Debug)]
pub(crate) struct Connected {
    runtime: Runtime,
    redis: Redis,
    key: Key,
    _manager: ConnectionManager,
}

impl Connected {
    pub(crate) fn with(length: usize) -> Self {
        let runtime = runtime();
        let manager = manager(&runtime);
        let redis = redis(&manager);
        let key = Key::from(format!("bench:{length}"));
        runtime.block_on(store(&redis, key.clone(), length));
        let stored = Self {
            runtime,
            redis,
            key,
            _manager: manager,
        };
        stored.get(REQUESTS / 10);
        stored
    }

    /// Reads the key so many times, one after the other.
    pub(crate) fn get(&self, times: usize) {
        self.runtime.block_on(async {
            for _ in 0..times {
                std::hint::black_box(self.redis.get(self.key.clone()).await)
                    .expect("a running Redis");
            }
        });
    }
}

pub(crate) async fn store(redis: &Redis, key: Key, length: usize) {
    let options = SetOptions {
        expiry: Some(Duration::from_secs(600)),
        ..SetOptions::default()
    };
    redis
        .set(key, Bytes::from(vec![b'x'; length]), options)
        .await
        .expect("a running Redis");
}
