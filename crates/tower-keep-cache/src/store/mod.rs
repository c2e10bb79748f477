//! The store: entries, tags and leases, in Redis or in this process.
//!
//! It is the fill protocol's half that has to be atomic. The other half, who joins whose fill, is the
//! engine's.

mod answer;
mod backend;
mod memory;
mod partition;
mod record;
mod shelf;
mod tags;

#[cfg(test)]
mod tests;

/// Stands in until the connection is there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum CommandError {}

pub(crate) use self::{
    answer::{Begin, Lease, Lookup, MissCause, Poll, RefusedCause, Stored},
    backend::Store,
    memory::{MemoryStore, MemoryStores},
    record::Incarnation,
};
