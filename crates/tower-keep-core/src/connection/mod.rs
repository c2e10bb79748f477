//! The Redis connection manager.
//!
//! [`ConnectionManager::open`] takes a URL and returns at once. Each layer's handle attaches to it with its own
//! [`Profile`] and gets a [`Backend`]: typed operations on Redis with that handle's deadline, or the in-process
//! stores of `memory:`.
//!
//! What every operation is promised:
//!
//! - It ends by its deadline, scripts included.
//! - It is sent at most once.
//! - Dropping it frees nothing early: its place in flight stays taken until its deadline, so that dropping futures
//!   while Redis hangs cannot grow a queue.
//! - While Redis is known to be away it costs a few atomic operations, and no request is used to find out whether Redis
//!   is back: a background task does that.
//!
//! Only this module names the Redis client library; none of its types appear in a public signature.

mod arrivals;
mod builder;
mod carrier;
mod client;
mod clock;
mod cluster;
mod command;
mod core;
mod counts;
mod credentials;
mod denials;
mod error;
mod flight;
mod gate;
mod hashes;
mod health;
mod incarnation;
mod key;
mod latencies;
mod ledger;
mod limits;
mod manager;
mod masters;
mod memory;
mod outcome;
mod periods;
mod pipeline;
mod prober;
mod profile;
mod redirect;
mod redis;
mod reply;
mod reporter;
mod scout;
mod script;
mod secret;
mod servers;
mod settle;
mod slot_map;
mod strings;
mod supervisor;
mod surveyor;
mod target;
mod telemetry;
mod ties;
mod tls;
mod traffic;
mod transitions;
mod untyped;
mod url;
mod value;
mod watchdog;

pub use self::{
    builder::ConnectionBuilder,
    credentials::Credentials,
    error::{CommandError, ConnectError, OpenError},
    health::{Cause, Class, ClassHealth, Health, HealthWatch, MasterDown},
    incarnation::{Incarnation, Role},
    key::Key,
    manager::ConnectionManager,
    memory::Memory,
    pipeline::Pipeline,
    profile::Profile,
    redis::{Backend, Redis},
    script::Script,
    strings::{Condition, SetOptions, Ttl},
    value::Value,
};
