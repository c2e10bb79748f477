//! States, transitions and their causes.

use std::fmt;

/// What the breaker does with calls.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "who acts on a state must decide about every one"
)]
pub enum State {
    /// Calls pass and are counted.
    Closed,
    /// Calls are refused until the open time is over.
    Open,
    /// A few calls pass as probes; their outcomes decide.
    HalfOpen,
    /// Calls are refused until [`reset`](super::StateMachine::reset).
    ForcedOpen,
    /// Calls pass and are not counted until [`reset`](super::StateMachine::reset).
    ForcedClosed,
    /// Calls pass and are counted; what would have opened the breaker is only reported.
    DryRun,
}

impl State {
    pub(super) const fn code(self) -> u64 {
        match self {
            Self::Closed => 0,
            Self::Open => 1,
            Self::HalfOpen => 2,
            Self::ForcedOpen => 3,
            Self::ForcedClosed => 4,
            Self::DryRun => 5,
        }
    }

    pub(super) const fn from_code(code: u64) -> Self {
        match code {
            1 => Self::Open,
            2 => Self::HalfOpen,
            3 => Self::ForcedOpen,
            4 => Self::ForcedClosed,
            5 => Self::DryRun,
            _ => Self::Closed,
        }
    }

    /// The name as metrics and logs carry it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::ForcedClosed => "forced_closed",
            Self::DryRun => "dry_run",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why the breaker changed its state.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// So many calls failed one after the other.
    ConsecutiveFailures,
    /// So large a share of the window failed.
    FailureRate,
    /// So large a share of the window was slow or failed.
    SlowCalls,
    /// Calls are in flight and nothing has been answered for too long.
    Stall,
    /// The owner of the breaker knows better than its counts, a lost connection for instance.
    Reported,
    /// A probe failed or was slow.
    ProbeFailed,
    /// Probes were out and none was answered before their deadline.
    ProbeTimeout,
    /// The open time is over.
    OpenTimeOver,
    /// Enough probes succeeded.
    Recovered,
    /// Somebody forced or reset it.
    Ordered,
}

impl Cause {
    /// The name as metrics and logs carry it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConsecutiveFailures => "consecutive_failures",
            Self::FailureRate => "failure_rate",
            Self::SlowCalls => "slow_calls",
            Self::Stall => "stall",
            Self::Reported => "reported",
            Self::ProbeFailed => "probe_failed",
            Self::ProbeTimeout => "probe_timeout",
            Self::OpenTimeOver => "open_time_over",
            Self::Recovered => "recovered",
            Self::Ordered => "ordered",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A change of state, handed to the one caller whose compare-and-swap made it: whoever reports it reports it once.
///
/// From [`DryRun`](State::DryRun) to [`DryRun`](State::DryRun) means that the breaker would have opened.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Transition {
    /// The state that was left.
    pub from: State,
    /// The state that was entered.
    pub to: State,
    /// Why.
    pub cause: Cause,
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {} ({})", self.from, self.to, self.cause)
    }
}
