use crate::engine::{Admission, AloneReason, Outcome};

/// What a request that was looked up came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Handled {
    Hit,
    /// Answered with what was stored and not fresh any more.
    Stale,
    /// Ran the handler for all who waited.
    Lead,
    /// Got a copy of another one's answer.
    Copy,
    /// Got a copy of another one's failure.
    Failure,
    /// Took only what was stored, and nothing was.
    Unsatisfied,
    NotStorable,
    HitForMiss,
    WaitTimeout,
    Full,
    Nested,
    Abandoned,
}

impl Handled {
    /// In the order of their declaration.
    pub(super) const ALL: [Self; 12] = [
        Self::Hit,
        Self::Stale,
        Self::Lead,
        Self::Copy,
        Self::Failure,
        Self::Unsatisfied,
        Self::NotStorable,
        Self::HitForMiss,
        Self::WaitTimeout,
        Self::Full,
        Self::Nested,
        Self::Abandoned,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Lead => "lead",
            Self::Copy => "copy",
            Self::Failure => "failure",
            Self::Unsatisfied => "unsatisfied",
            Self::NotStorable => "not_storable",
            Self::HitForMiss => "hit_for_miss",
            Self::WaitTimeout => "wait_timeout",
            Self::Full => "full",
            Self::Nested => "nested",
            Self::Abandoned => "abandoned",
        }
    }
}

impl From<&Admission> for Handled {
    fn from(admission: &Admission) -> Self {
        match admission {
            Admission::Hit(_) => Self::Hit,
            Admission::Lead(_) => Self::Lead,
            Admission::Copy(Outcome::Entry(_)) => Self::Copy,
            Admission::Copy(Outcome::Failed(_)) => Self::Failure,
            Admission::Alone(reason) => match reason {
                AloneReason::NotStorable => Self::NotStorable,
                AloneReason::HitForMiss | AloneReason::Foreign => Self::HitForMiss,
                AloneReason::WaitTimeout => Self::WaitTimeout,
                AloneReason::Full => Self::Full,
                AloneReason::Nested => Self::Nested,
                AloneReason::Abandoned => Self::Abandoned,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An owner counts by this number.
    #[test]
    fn each_is_listed_at_its_own_number() {
        for (number, handled) in Handled::ALL.into_iter().enumerate() {
            assert_eq!(handled as usize, number, "{handled:?}");
        }
    }
}
