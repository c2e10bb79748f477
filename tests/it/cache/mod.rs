//! The cache: one load for all, and nothing from before an invalidation.

mod another_life;
mod cache_aside;
mod cluster;
mod http;
mod mixed_up;
mod property;
mod redis_away;
mod setup;
mod single_flight;
mod two_processes;
