//! The guide. Its examples are compiled and run with the tests.
//!
//! 1. [`start`]: a first cached page.
//! 2. [`caching`]: what is stored, for whom, for how long, and how it is told that something changed.
//! 3. [`redis_away`]: what happens when Redis is slow, full, stopped or gone, and the settings for it.
//! 4. [`operating`]: health, metrics, logs, and what to alert on.

#[doc = include_str!("../docs/start.md")]
pub mod start {}

#[cfg(feature = "cache")]
#[doc = include_str!("../docs/caching.md")]
pub mod caching {}

#[doc = include_str!("../docs/redis-away.md")]
pub mod redis_away {}

#[doc = include_str!("../docs/operating.md")]
pub mod operating {}
