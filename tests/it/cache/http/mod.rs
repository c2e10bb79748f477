//! The layer around routes: over sockets where the server matters, else on the bare service.

mod away;
mod broken_off;
mod budget;
mod contract;
mod fleet;
mod leaks;
mod metrics;
mod nested;
mod portions;
mod profiles;
mod resources;
mod revalidation;
mod serving;
mod site;
mod stale;
mod stampede;
mod storing;
mod streaming;
mod tags;
mod trickle;
mod vary;
mod writes;
