//! What the tests stand on, tested itself.

mod capability;
mod cluster;
mod postgres;
mod process;
mod proxy;
mod redis;
mod sentinel;
