//! The gateway as a process, between clients and upstreams that speak HTTP/1.1 by hand, so that every byte is seen.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

mod breaking;
mod caching;
mod passing;
mod running;
mod setup;
