use std::time::SystemTime;

use http::{
    HeaderMap,
    header::{DATE, ETAG, LAST_MODIFIED},
};

use super::{EntityTag, LastModified};
use crate::policy::http_date;

/// By what a representation is known, as its head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validators<'a> {
    pub(crate) etag: Option<EntityTag<'a>>,
    pub(crate) last_modified: Option<LastModified>,
    /// When the answer was made: its `Date`, or when it came, where it has none (RFC 9110 section 6.6.1).
    pub(crate) date: SystemTime,
}

impl<'a> Validators<'a> {
    pub(crate) fn of(headers: &'a HeaderMap, received: SystemTime) -> Self {
        let date = headers
            .get(DATE)
            .and_then(|date| http_date(date.as_bytes(), received));
        let date = date.unwrap_or(received);
        let at = headers
            .get(LAST_MODIFIED)
            .and_then(|at| http_date(at.as_bytes(), received));
        Self {
            etag: headers
                .get(ETAG)
                .and_then(|tag| EntityTag::parse(tag.as_bytes())),
            last_modified: at.map(|at| LastModified::new(at, date)),
            date,
        }
    }

    /// Whether there is anything that a handler could be asked about.
    pub(crate) fn any(&self) -> bool {
        self.etag.is_some() || self.last_modified.is_some()
    }
}
