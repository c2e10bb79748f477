//! The gateway as a process, between clients and upstreams that speak HTTP/1.1 by hand, so that every byte is seen.

mod breaking;
mod caching;
mod passing;
mod running;
mod setup;
