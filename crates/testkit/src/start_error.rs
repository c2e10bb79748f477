use std::fmt;
use std::io;

use crate::locate::NotFound;

/// A server could not be started.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// There is no such server on this machine.
    NotFound(NotFound),
    /// Its folder or its process could not be made.
    Io(io::Error),
    /// It ended, or never answered; what it said last.
    Failed(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(error) => error.fmt(f),
            Self::Io(_) => f.write_str("a server's process could not be started"),
            Self::Failed(log) => write!(f, "a server did not come up; its log ends with\n{log}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotFound(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::Failed(_) => None,
        }
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<NotFound> for StartError {
    fn from(error: NotFound) -> Self {
        Self::NotFound(error)
    }
}
