use crate::entry::Entry;

/// How a handler failed, for everybody who waited for it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It answered with a server error.
    Answer(Box<Entry>),
    /// It did not answer at all: an error of the service.
    NoAnswer,
    /// It began an answer and did not end it.
    BrokenOff,
}
