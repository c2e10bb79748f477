//! Redis and Valkey servers.

mod builder;
mod cluster;
mod loading;
mod saving;
mod sentinel;
mod server;
mod slot_move;
#[cfg(feature = "tls")]
mod tls;

pub use builder::RedisBuilder;
pub use cluster::{ClusterBuilder, RedisCluster};
pub use loading::Loading;
pub use saving::Snapshot;
pub use sentinel::{RedisSentinel, SentinelBuilder};
pub use server::RedisServer;
pub use slot_move::SlotMove;
