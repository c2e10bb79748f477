//! What the tests stand on, tested itself.

mod process;
mod redis;
