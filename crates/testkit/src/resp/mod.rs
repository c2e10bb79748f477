//! A small Redis client for tests: RESP2, one command at a time, nothing retried, nothing hidden.

mod client;
mod reply;
mod target;

pub use client::Client;
pub use reply::Reply;
