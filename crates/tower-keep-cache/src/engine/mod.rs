//! One fill per key, in this process and in the fleet, and never a stale byte.
//!
//! | File | What it decides |
//! |---|---|
//! | `flight` | who waits for a fill and who may be given what it brings (pure) |
//! | `hit_for_miss` | whose answers could not be stored, so that nobody waits for them (pure) |
//! | `backoff` | which keys' handlers have just failed, so that they are left alone while there is a stale entry (pure) |
//! | `pending` | invalidations that Redis has not acknowledged: what is blocked meanwhile, and the retry |
//! | `lives` | which Redis answers, and whether it may have forgotten something |
//! | `flights` | the flights of this process, by key |
//! | `place` | where a driver finds those who wait: where every request joins, or apart from them |
//! | `driver` | the task behind a flight: lease, leader, store, and who is told what |
//! | `fill` | what the leader holds |
//! | `refresh` | a fill that nobody waits for |
//! | `scope` | the tags that a fill collects from what it reads |
//! | `telemetry` | what is counted |
//! | `admission` | the way of a request through all of it |

mod admission;
mod backoff;
mod driver;
mod fill;
mod flight;
mod flights;
mod hit_for_miss;
mod lives;
mod pending;
mod place;
mod refresh;
mod scope;
mod settings;
mod telemetry;

#[cfg(test)]
mod tests;

pub(crate) use self::{
    admission::{Admission, AloneReason, Engine, Hit, Outcome},
    fill::{Brought, Fill, FillOutcome, Unstored},
    pending::Invalidation,
    scope::Scope,
    settings::Settings,
};
