//! What the benches share: a runtime that runs everything on one thread, a Redis, and the services that they call.

#![allow(dead_code, reason = "no bench uses all of it")]

mod bare;
mod case;
pub(crate) mod service;

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use gungraun::{Callgrind, Dhat, LibraryBenchmarkConfig};
use tokio::runtime::Runtime;
use tower_keep::connection::{
    Backend, Class, ConnectionManager, Key, Profile, Redis, Script, SetOptions,
};

#[allow(unused_imports, reason = "no bench uses all of it")]
pub(crate) use {bare::Bare, case::Case};

/// Requests per measurement, so that a figure divided by a thousand is the figure of one request.
pub(crate) const REQUESTS: usize = 1000;

/// A script with one key and two arguments that it does not look at.
const SCRIPT: &str = "return redis.call('GET', KEYS[1])";

/// A deadline that a program under valgrind can meet.
const PATIENCE: Duration = Duration::from_secs(30);

/// The keys that are read: one of them, or all three at once.
fn keys(length: usize) -> [String; 3] {
    ["", ":second", ":third"].map(|end| format!("bench:{length}{end}"))
}

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

/// A connection and three keys with values of so many bytes.
#[derive(Debug)]
pub(crate) struct Connected {
    runtime: Runtime,
    redis: Redis,
    keys: Vec<Key>,
    script: Script,
    _manager: ConnectionManager,
}

impl Connected {
    pub(crate) fn with(length: usize) -> Self {
        let runtime = runtime();
        let manager = manager(&runtime);
        let redis = redis(&manager);
        let keys: Vec<_> = keys(length).map(Key::from).into();
        for key in &keys {
            runtime.block_on(store(&redis, key.clone(), length));
        }
        let stored = Self {
            runtime,
            redis,
            keys,
            script: Script::read(SCRIPT),
            _manager: manager,
        };
        stored.get(REQUESTS / 10);
        stored.script(1);
        stored
    }

    /// Reads a key so many times, one after the other.
    pub(crate) fn get(&self, times: usize) {
        self.runtime.block_on(async {
            for _ in 0..times {
                black_box(self.redis.get(self.keys[0].clone()).await).expect("a running Redis");
            }
        });
    }

    /// Reads all three keys so many times.
    pub(crate) fn mget(&self, times: usize) {
        self.runtime.block_on(async {
            for _ in 0..times {
                black_box(self.redis.mget(self.keys.clone()).await).expect("a running Redis");
            }
        });
    }

    /// Reads a key by a script so many times.
    pub(crate) fn script(&self, times: usize) {
        self.runtime.block_on(async {
            for _ in 0..times {
                let keys = vec![self.keys[0].clone()];
                let args = vec![Bytes::from_static(b"1"), Bytes::from_static(b"2")];
                black_box(self.redis.script(&self.script, keys, args).await)
                    .expect("a running Redis");
            }
        });
    }
}

/// A handle of a Redis that is away, and known to be.
#[derive(Debug)]
pub(crate) struct Away {
    runtime: Runtime,
    redis: Redis,
    key: Key,
    _manager: ConnectionManager,
}

impl Away {
    pub(crate) fn new() -> Self {
        let runtime = runtime();
        // Nothing listens there, and no attempt to connect falls into the measurement.
        let url = "redis://127.0.0.1:1?connect_timeout=60s";
        let manager = {
            let _context = runtime.enter();
            ConnectionManager::open(url).expect("a URL")
        };
        let redis = redis(&manager);
        assert!(!redis.is_up(Class::Read), "nothing listens there");
        Self {
            runtime,
            redis,
            key: Key::from("bench"),
            _manager: manager,
        }
    }

    pub(crate) fn get(&self, times: usize) {
        self.runtime.block_on(async {
            for _ in 0..times {
                black_box(self.redis.get(self.key.clone()).await).expect_err("it is away");
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
