use std::time::SystemTime;

use http::{HeaderMap, Method, StatusCode};

use super::{
    precondition::{Precondition, evaluate},
    range::{Selection, Span, select},
    validator::Validators,
};

/// What a client gets of an answer to GET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Portion {
    /// All of it.
    Whole,
    /// Nothing: it has it already (304).
    NotModified,
    /// Nothing: it means another one (412).
    Failed,
    /// 206.
    Part(Span),
    /// 206, with a body of several parts.
    Parts(Vec<Span>),
    /// Nothing: there is nothing where it asked (416).
    Unsatisfiable,
}

/// The answer that preconditions and ranges are about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Representation<'a> {
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    /// Of its body, if all of it is at hand.
    pub(crate) length: Option<u64>,
    pub(crate) received: SystemTime,
}

/// What of `answer` the request with these headers gets (RFC 9110 sections 13.2.1 and 14.2).
pub(crate) fn portion(
    method: &Method,
    asked: &HeaderMap,
    answer: Representation<'_>,
    now: SystemTime,
) -> Portion {
    // A condition is about what would be sent otherwise, and an error is sent in any case.
    if !answer.status.is_success() {
        return Portion::Whole;
    }
    let validators = Validators::of(answer.headers, answer.received);
    match evaluate(method, asked, &validators, now) {
        Precondition::NotModified => Portion::NotModified,
        Precondition::Failed => Portion::Failed,
        Precondition::Met { range: true } if answer.status == StatusCode::OK => {
            // A server may leave a range out of account at any time, as where the length is not known yet.
            let selection = answer.length.map(|length| select(asked, length));
            match selection.unwrap_or(Selection::Whole) {
                Selection::Whole => Portion::Whole,
                Selection::Part(span) => Portion::Part(span),
                Selection::Parts(spans) => Portion::Parts(spans),
                Selection::Unsatisfiable => Portion::Unsatisfiable,
            }
        }
        Precondition::Met { .. } => Portion::Whole,
    }
}

#[cfg(test)]
mod tests {
    use http::{
        HeaderValue,
        header::{ETAG, IF_NONE_MATCH, RANGE},
    };

    use super::*;

    fn of(status: u16, length: Option<u64>, asked: &[(http::HeaderName, &'static str)]) -> Portion {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, HeaderValue::from_static("\"1\""));
        let asked = asked
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        let answer = Representation {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &headers,
            length,
            received: SystemTime::UNIX_EPOCH,
        };
        portion(&Method::GET, &asked, answer, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn a_part_of_a_complete_answer_is_sent() {
        assert_eq!(
            of(200, Some(10), &[(RANGE, "bytes=2-3")]),
            Portion::Part(2..4)
        );
        assert_eq!(
            of(200, Some(10), &[(RANGE, "bytes=10-")]),
            Portion::Unsatisfiable
        );
        assert_eq!(of(200, None, &[(RANGE, "bytes=2-3")]), Portion::Whole);
        assert_eq!(of(203, Some(10), &[(RANGE, "bytes=2-3")]), Portion::Whole);
    }

    #[test]
    fn an_error_is_sent_whatever_the_condition() {
        for status in [304, 404, 500] {
            assert_eq!(of(status, Some(1), &[(IF_NONE_MATCH, "*")]), Portion::Whole);
        }
        assert_eq!(
            of(204, Some(0), &[(IF_NONE_MATCH, "*")]),
            Portion::NotModified
        );
    }

    #[test]
    fn a_condition_comes_before_a_range() {
        let asked = [(RANGE, "bytes=2-3"), (IF_NONE_MATCH, "\"1\"")];
        assert_eq!(of(200, Some(10), &asked), Portion::NotModified);
    }
}
