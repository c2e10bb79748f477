//! The public behaviour of tower-keep, on real servers; a module per capability.

mod connection;
mod kit;
