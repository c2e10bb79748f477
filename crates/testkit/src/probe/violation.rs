use std::fmt;

/// A rule of the contract that a middleware has broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// The inner service was called without having been ready.
    CalledUnready {
        /// Another clone of it was ready at that moment: the middleware has polled one value and called another.
        another_was_ready: bool,
    },
    /// The inner service was never called, so nothing was shown.
    NeverCalled,
    /// The middleware was ready while the inner service was not.
    ReadyTooEarly,
    /// The middleware was pending, and was not woken when the inner service became ready.
    NotWoken,
    /// An error of the inner service did not come out as it was.
    ErrorLost,
    /// The response future was dropped, and the inner future lives on.
    FutureKept,
    /// Calls on clones wait for each other.
    Serialised {
        /// How many were in flight together at most.
        peak: usize,
        /// How many should have been.
        wanted: usize,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CalledUnready {
                another_was_ready: false,
            } => f.write_str("the inner service was called without having been polled ready"),
            Self::CalledUnready {
                another_was_ready: true,
            } => {
                f.write_str("the inner service was polled ready, and then a clone of it was called")
            }
            Self::NeverCalled => f.write_str("the inner service was never called"),
            Self::ReadyTooEarly => f.write_str("ready while the inner service was not"),
            Self::NotWoken => f.write_str("not woken when the inner service became ready"),
            Self::ErrorLost => {
                f.write_str("an error of the inner service did not come out as it was")
            }
            Self::FutureKept => f.write_str("the inner future outlives the response future"),
            Self::Serialised { peak, wanted } => {
                write!(
                    f,
                    "{peak} calls were in flight together where {wanted} should have been"
                )
            }
        }
    }
}

impl std::error::Error for Violation {}
