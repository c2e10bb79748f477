//! What the tests of tower-keep stand on: real servers on loopback that can be paused, killed and restarted, a TCP
//! proxy that breaks connections, probes for the tower contract, and a second process when one is not enough.
//!
//! Failures here are failures of the machine, not of the code under test, so most of the kit panics with the reason
//! instead of returning an error; a `try_` twin exists where a program (not a test) starts servers.
//!
//! Nothing that is started here outlives its process, however that ends: see [`process::Sandbox`].

pub mod locate;
pub mod port;
pub mod probe;
pub mod process;
pub mod proxy;
pub mod resp;

mod capability;
#[cfg(feature = "tls")]
mod certificate;
mod clock;
mod eventually;
mod postgres;
mod redis;
mod shared;
mod start_error;
mod url;

pub use capability::{Capability, SKIPS, STRICT, require};
#[cfg(feature = "tls")]
pub use certificate::{Authority, Certificate};
pub use eventually::eventually;
pub use postgres::{Connection, Database, PostgresBuilder, PostgresServer};
pub use redis::{
    ClusterBuilder, Loading, RedisBuilder, RedisCluster, RedisSentinel, RedisServer,
    SentinelBuilder, SlotMove, Snapshot,
};
pub use shared::{POSTGRES_URL, REDIS_URL, SharedRedis, database, redis};
pub use start_error::StartError;
