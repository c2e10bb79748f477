//! What every tower-keep layer shares, so that no layer depends on another.
//!
//! | Module or type | What it is |
//! |---|---|
//! | [`Rejection`], [`Rejected`], [`Protocol`] | how a layer refuses a request, in the bytes of the request's protocol |
//! | [`Identity`], [`SessionTouched`], [`GuardOutcome`], [`RedisBudget`] | what layers and handlers tell each other through extensions |
//! | [`Body`], [`body`] | one response body for all layers: passed through, in memory, or fed by another task |
//! | [`breaker`] | the circuit breaker's state machine, pure: what a circuit guard decides by |
//! | [`RedisBudgetLayer`] | gives every request a [`RedisBudget`] |
//! | [`connection`] | Redis: one connection with deadlines, health and reconnection, or stores in this process |
//! | [`extract`] | who a request is counted for: client address, header, cookie, identity, route |
//! | [`Namespace`], [`digest`] | how keys in Redis are made |
//! | [`telemetry`] | the names of tracing targets, metrics and labels |
//!
//! # Features
//!
//! | Name | Description | Default? |
//! |---|---|---|
//! | `axum` | reads axum's connect info, matched path and path parameters | No |
//! | `tls` | `rediss://`: TLS to Redis, with rustls and ring | No |

pub mod body;
pub mod breaker;
pub mod connection;
pub mod digest;
pub mod extract;
mod guard_outcome;
mod identity;
mod namespace;
mod redis_budget;
mod rejection;
mod session_touched;
pub mod telemetry;

pub use body::Body;
pub use guard_outcome::GuardOutcome;
pub use identity::Identity;
pub use namespace::{InvalidNamespace, Namespace};
pub use redis_budget::{RedisBudget, RedisBudgetFuture, RedisBudgetLayer, RedisBudgetService};
pub use rejection::{Protocol, QuotaViolation, Reason, Rejected, Rejection};
pub use session_touched::SessionTouched;
