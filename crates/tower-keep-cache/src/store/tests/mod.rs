//! What the store promises, shown on both stores.

mod behaviour;
mod conformance;
mod keep;
