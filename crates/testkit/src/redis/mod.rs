//! Redis and Valkey servers.

mod builder;
mod cluster;
mod sentinel;
mod server;
mod slot_move;
#[cfg(feature = "tls")]
mod tls;

pub use builder::RedisBuilder;
pub use cluster::{ClusterBuilder, RedisCluster};
pub use sentinel::{RedisSentinel, SentinelBuilder};
pub use server::{RedisServer, Snapshot};
pub use slot_move::SlotMove;
