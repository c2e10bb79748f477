//! Does a middleware keep tower's contract?
//!
//! A [`ServiceProbe`] is the service that the middleware wraps. It notices what the middleware does wrong and counts what
//! it does. The functions of [`contract`] each drive a middleware around a probe through what one rule is about:
//!
//! ```
//! # use testkit::probe::{ServiceProbe, contract};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let probe = ServiceProbe::answering(|name: &str| Ok::<_, String>(format!("hello, {name}")));
//! let service = probe.clone(); // usually: layer.layer(probe.clone())
//! contract::readiness(&probe, service, || "world").await.unwrap();
//! assert_eq!(probe.calls(), 2);
//! # }
//! ```
//!
//! The contract is that of [`Service`](tower_service::Service): a call needs a `poll_ready` that was `Ready` on the very
//! same value, each call its own, and a clone starts without.

pub mod contract;

mod service_probe;
mod violation;

#[cfg(test)]
mod tests;

pub use service_probe::{ProbeFuture, ServiceProbe};
pub use violation::Violation;
