use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use crate::Rejection;

/// A request does not tell whom it is counted for, and what would have to change.
///
/// [`MissingSubject::into_rejection`] makes the answer of it: where the service around the layer is at
/// fault a 500 with the fix in the log, where the client left something out a 400 that says what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MissingSubject {
    at_fault: AtFault,
    words: Cow<'static, str>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum AtFault {
    Service,
    Client,
}

impl MissingSubject {
    /// The service lacks something. `fix` says what to change in it; clients do not see it.
    pub fn in_service(fix: impl Into<Cow<'static, str>>) -> Self {
        Self {
            at_fault: AtFault::Service,
            words: fix.into(),
        }
    }

    /// The client left something out or sent nonsense. `what` is told to the client.
    pub fn in_request(what: impl Into<Cow<'static, str>>) -> Self {
        Self {
            at_fault: AtFault::Client,
            words: what.into(),
        }
    }

    /// The refusal of such a request by the layer or limit of this name.
    pub fn into_rejection(self, by: impl Into<Cow<'static, str>>) -> Rejection {
        match self.at_fault {
            AtFault::Service => Rejection::misconfigured(by, &self),
            AtFault::Client => Rejection::unidentified(by, &self).detail(self.words),
        }
    }
}

impl fmt::Display for MissingSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl Error for MissingSubject {}
