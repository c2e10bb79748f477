//! What an admission hands out: a permit, or a refusal that says when to come back.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::generation::Generation;
use super::transition::{State, Transition};

/// Leave for one call, to be given back once with [`record`](super::StateMachine::record).
///
/// Plain data: whoever holds it for the length of a call wraps it so that a dropped or panicking call is recorded
/// too. One that never comes back looks like a call that hangs; it costs a probe slot until the probes' deadline,
/// and nothing after the next transition.
#[derive(Clone, Copy, Debug)]
#[must_use = "a permit that is never recorded looks like a call that hangs"]
pub struct Permit {
    pub(super) started: Duration,
    pub(super) generation: Generation,
    pub(super) probe: bool,
    /// Whether the stall cell counts this call.
    pub(super) watched: bool,
    pub(super) transition: Option<Transition>,
}

impl Permit {
    /// Whether the outcome of this call decides if the breaker closes.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        self.probe
    }

    /// The `now` of its admission.
    #[must_use]
    pub const fn started(&self) -> Duration {
        self.started
    }

    /// The transition that this admission caused: its call was the one that ended the open time.
    #[must_use]
    pub const fn transition(&self) -> Option<Transition> {
        self.transition
    }
}

/// The breaker does not let a call through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Refused {
    /// When to ask again; never zero. A promise only while open: then an admission at that time becomes a probe,
    /// unless another one was faster.
    pub retry_after: Duration,
    /// The state that refused it.
    pub state: State,
    /// The transition that this very admission caused: it noticed a stall, or probes past their deadline.
    pub transition: Option<Transition>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the breaker is {}, ask again in {:?}",
            self.state, self.retry_after
        )
    }
}

impl Error for Refused {}
