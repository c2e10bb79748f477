//! What the tests stand on, tested itself.

mod capability;
mod postgres;
mod process;
mod proxy;
mod redis;
