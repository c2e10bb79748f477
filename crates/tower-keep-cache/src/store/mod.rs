//! The store: entries, tags and leases, in Redis or in this process.
//!
//! It is the fill protocol's half that has to be atomic. The other half, who joins whose fill, is the
//! engine's.

mod answer;
mod backend;
mod judge;
mod memory;
mod names;
mod partition;
mod record;
mod redis;
mod remembered;
mod scripts;
mod shelf;
mod tags;

#[cfg(test)]
mod tests;

pub(crate) use tower_keep_core::connection::CommandError;

pub(crate) use self::{
    answer::{Begin, Lease, Lookup, MissCause, Poll, RefusedCause, Stored},
    backend::Store,
    memory::{MemoryStore, MemoryStores},
    record::Incarnation,
    redis::RedisStore,
};
