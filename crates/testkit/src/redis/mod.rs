//! Redis and Valkey servers.

mod builder;
mod server;

pub use builder::RedisBuilder;
pub use server::{RedisServer, Snapshot};
