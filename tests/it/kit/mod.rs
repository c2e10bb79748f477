//! What the tests stand on, tested itself.

mod postgres;
mod process;
mod proxy;
mod redis;
