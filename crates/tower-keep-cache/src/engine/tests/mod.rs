//! The engine on the in-process store, with paused time.

mod abandoned;
mod coalescing;
mod rig;
mod unacknowledged;
