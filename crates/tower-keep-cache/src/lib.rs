//! A response cache layer for tower and a cache-aside handle on Redis: one fill per key in the whole
//! fleet, never stale after an invalidation.

mod answer;
mod cache;
mod engine;
mod entry;
mod errand;
mod fallback;
mod fill;
mod future;
mod hex;
mod key;
mod layer;
mod length;
mod look;
mod policy;
mod portions;
mod route;
mod serve;
mod service;
mod store;
mod tag;
mod tags;
mod telemetry;
mod variants;
mod wanted;
mod write;

pub use self::{
    cache::{Cache, Freshness, InvalidateError, LoadError, PutError},
    future::ResponseFuture,
    layer::ResponseCacheLayer,
    service::ResponseCache,
    tag::Tag,
    tags::Tags,
};
