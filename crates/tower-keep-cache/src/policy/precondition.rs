use std::time::SystemTime;

use http::{
    HeaderMap, HeaderName, Method,
    header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE},
};

use super::{
    http_date,
    validator::{Comparison, EntityTag, Validators, names},
};

/// What a request's preconditions say about the representation that it would get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precondition {
    /// It is sent; `range`: or the part of it that was asked for.
    Met { range: bool },
    /// The client has it already: 304.
    NotModified,
    /// It is not the one that the client means: 412.
    Failed,
}

/// Evaluates the preconditions of a GET or HEAD in the order of RFC 9110 section 13.2.2.
///
/// For a representation with a status of 2xx only: whatever else would be answered is answered (section 13.2.1).
pub(crate) fn evaluate(
    method: &Method,
    asked: &HeaderMap,
    validators: &Validators<'_>,
    now: SystemTime,
) -> Precondition {
    let etag = validators.etag;
    // Steps 1 and 2. A date that cannot be read is no condition (section 13.1.4).
    let meant = match names(asked, &IF_MATCH, etag, Comparison::Strong) {
        Some(named) => named,
        None => match (
            date(asked, &IF_UNMODIFIED_SINCE, now),
            validators.last_modified,
        ) {
            (Some(limit), Some(last_modified)) => last_modified.at <= limit,
            (Some(_) | None, _) => true,
        },
    };
    if !meant {
        return Precondition::Failed;
    }
    // Steps 3 and 4. If-None-Match has the last word, also where it says that the client has something else.
    let had = match names(asked, &IF_NONE_MATCH, etag, Comparison::Weak) {
        Some(named) => named,
        None => date(asked, &IF_MODIFIED_SINCE, now).is_some_and(|since| {
            // What does not say when it changed has not changed since it was made (RFC 9111 section 4.3.2).
            let changed = validators.last_modified.map(|known| known.at);
            changed.unwrap_or(validators.date) <= since
        }),
    };
    if had {
        return Precondition::NotModified;
    }
    // Step 5. Section 14.2: only GET has ranges.
    let range =
        *method == Method::GET && asked.contains_key(RANGE) && if_range(asked, validators, now);
    Precondition::Met { range }
}

/// Whether the client's part and ours are of one representation, so that they may be put together (RFC 9110 section
/// 13.1.5). That takes a strong validator.
fn if_range(asked: &HeaderMap, validators: &Validators<'_>, now: SystemTime) -> bool {
    let mut lines = asked.get_all(IF_RANGE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return !asked.contains_key(IF_RANGE);
    };
    if let Some(named) = EntityTag::parse(line.as_bytes()) {
        return validators
            .etag
            .is_some_and(|own| own.is(named, Comparison::Strong));
    }
    let named = http_date(line.as_bytes(), now);
    validators
        .last_modified
        .is_some_and(|own| own.strong && Some(own.at) == named)
}

/// The date of a field that has one value; more of them are no date.
fn date(asked: &HeaderMap, field: &HeaderName, now: SystemTime) -> Option<SystemTime> {
    let mut lines = asked.get_all(field).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => http_date(line.as_bytes(), now),
        _ => None,
    }
}

#[cfg(test)]
#[path = "precondition_tests.rs"]
mod tests;
