//! What the store promises, shown on both stores.

mod behaviour;
mod conformance;
mod interleavings;
mod keep;
mod on_redis;
mod rows;
mod rules;
mod step;
mod world;
