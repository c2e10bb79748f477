//! The public behaviour of tower-keep, on real servers; a module per capability.

#![allow(
    clippy::unwrap_used,
    reason = "a test that unwraps says where it failed"
)]

mod cache;
mod connection;
mod kit;
mod recorder;
mod vocabulary;
