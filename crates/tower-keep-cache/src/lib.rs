//! A response cache layer for tower and a cache-aside handle on Redis: one fill per key in the whole
//! fleet, never stale after an invalidation.

#![allow(dead_code, reason = "the engine and the layer that use it come next")]

mod engine;
mod entry;
mod key;
mod policy;
mod store;
mod tag;

pub use self::tag::Tag;
