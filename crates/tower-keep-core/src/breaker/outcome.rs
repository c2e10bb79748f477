//! How a call went.

/// How a call went, as far as the breaker is concerned.
///
/// | | closed | half-open |
/// |---|---|---|
/// | `Success` | counts as good, ends a run of failures | a success |
/// | `Slow` | counts as slow, ends a run of failures | a failure: what opened it is not over |
/// | `Failure` | counts as failed | opens again |
/// | `Neutral` | not counted | a success: there was an answer |
/// | `Dropped` | not counted | returns its slot |
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "what a caller can say; a new one would change what the old ones mean"
)]
pub enum Outcome {
    /// It was answered well and in time.
    Success,
    /// It was answered well, but slower than [`slow_calls`](super::BreakerConfig::slow_calls) allows.
    Slow,
    /// It failed, timed out, panicked, or broke off.
    Failure,
    /// It was answered, and the answer says nothing about the health of what answered: a 4xx.
    Neutral,
    /// Nobody waited for the answer, too early to blame anything; or one of our own layers answered in its place.
    Dropped,
}

impl Outcome {
    /// Whether something came back. A stall is the absence of this (G6, G10).
    pub(super) const fn is_answer(self) -> bool {
        !matches!(self, Self::Dropped)
    }
}
