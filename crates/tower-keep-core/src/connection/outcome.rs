use super::{error::CommandError, redirect::Redirection};

/// What an operation came to, as one of a few words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    Ok,
    /// Given up before its answer: by its caller, or because the gate shut.
    Abandoned,
    Auth,
    BudgetSpent,
    Busy,
    Closed,
    Cluster,
    Deadline,
    Loading,
    Other,
    OutOfMemory,
    Overloaded,
    ReadOnly,
    Unavailable,
    WrongType,
}

impl Outcome {
    pub(super) const ALL: [Self; 15] = [
        Self::Ok,
        Self::Abandoned,
        Self::Auth,
        Self::BudgetSpent,
        Self::Busy,
        Self::Closed,
        Self::Cluster,
        Self::Deadline,
        Self::Loading,
        Self::Other,
        Self::OutOfMemory,
        Self::Overloaded,
        Self::ReadOnly,
        Self::Unavailable,
        Self::WrongType,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Abandoned => "abandoned",
            Self::Auth => "auth",
            Self::BudgetSpent => "budget_spent",
            Self::Busy => "busy",
            Self::Closed => "closed",
            Self::Cluster => "cluster",
            Self::Deadline => "deadline",
            Self::Loading => "loading",
            Self::Other => "other",
            Self::OutOfMemory => "out_of_memory",
            Self::Overloaded => "overloaded",
            Self::ReadOnly => "read_only",
            Self::Unavailable => "unavailable",
            Self::WrongType => "wrong_type",
        }
    }
}

impl From<&CommandError> for Outcome {
    fn from(error: &CommandError) -> Self {
        match error {
            CommandError::Deadline => Self::Deadline,
            CommandError::Unavailable | CommandError::Interrupted => Self::Unavailable,
            CommandError::Overloaded => Self::Overloaded,
            CommandError::OutOfMemory => Self::OutOfMemory,
            CommandError::ReadOnly => Self::ReadOnly,
            CommandError::Loading => Self::Loading,
            CommandError::BudgetSpent => Self::BudgetSpent,
            CommandError::Busy => Self::Busy,
            CommandError::Auth | CommandError::Denied(_) => Self::Auth,
            CommandError::WrongType => Self::WrongType,
            CommandError::Cluster | CommandError::Moving => Self::Cluster,
            CommandError::Closed => Self::Closed,
            // Sent on by a master of a cluster.
            CommandError::Other(_) if Redirection::of(error).is_some() => Self::Cluster,
            CommandError::Other(_) => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ledger counts by this number.
    #[test]
    fn each_is_listed_at_its_own_number() {
        for (number, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, number, "{outcome:?}");
        }
    }
}
