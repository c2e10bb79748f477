//! What the store promises, shown on both stores.

mod behaviour;
mod conformance;
mod interleavings;
mod keep;
mod rules;
mod step;
mod world;
