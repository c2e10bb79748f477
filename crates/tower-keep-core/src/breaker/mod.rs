//! The circuit breaker as a pure state machine: no lock, no allocation, no clock of its own.
//!
//! A circuit guard drives it; this module only decides. Time is passed in as the duration since a start of the
//! owner's choosing, so every decision can be replayed.
//!
//! The rules it obeys, each the answer to a trace that wedged or fooled a simpler breaker:
//!
//! - **G1** Everything a decision depends on is in one atomic word: kind, back-off, generation, deadline, probes
//!   admitted, probes that succeeded. No deadline is stored beside it.
//! - **G2** Every change is a compare-and-swap from the loaded word, and every transition takes a new generation,
//!   the forced ones too.
//! - **G3** An outcome acts only in the generation that admitted its call. A straggler changes nothing.
//! - **G4** A bucket of the window carries its generation and its time; a late writer never replaces a newer one.
//! - **G5** The run of consecutive failures carries its generation.
//! - **G6** So does the stall cell: calls in flight, and since when nothing was answered.
//! - **G7** The step from open to half-open admits its own caller, and at most N probes are out.
//! - **G8** The probes' deadline runs only while probes are out, and each success renews it. A cycle has no deadline.
//! - **G9** A probe answered with a neutral response (a 4xx) is a success; only one dropped early returns its slot.
//! - **G10** Dropped calls do not hide a hang, and the back-off is forgotten after a stable time.
//!
//! ```
//! use std::time::Duration;
//! use tower_keep_core::breaker::{BreakerConfig, Outcome, StateMachine};
//!
//! let breaker = StateMachine::new(BreakerConfig::new().consecutive_failures(1))?;
//! let now = Duration::from_secs(1);
//!
//! let permit = breaker.admit(now).expect("closed");
//! breaker.record(permit, Outcome::Failure, now).expect("one failure opens it");
//!
//! assert!(!breaker.is_closed());
//! let refused = breaker.admit(now).expect_err("open");
//! let probe = breaker.admit(now + refused.retry_after).expect("half-open");
//! assert!(probe.is_probe());
//! # Ok::<(), tower_keep_core::breaker::ConfigError>(())
//! ```

mod admission;
mod atomic;
mod config;
mod consecutive;
mod generation;
mod jitter;
mod machine;
mod outcome;
mod permit;
mod stall;
mod steps;
mod tick;
mod transition;
mod window;
mod word;

#[cfg(test)]
mod tests;

pub use self::config::{BreakerConfig, ConfigError};
pub use self::machine::StateMachine;
pub use self::outcome::Outcome;
pub use self::permit::{Permit, Refused};
pub use self::transition::{Cause, State, Transition};
