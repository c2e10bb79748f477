//! The engine on the in-process store, with paused time.

mod abandoned;
mod coalescing;
mod refreshing;
mod rig;
mod unacknowledged;
