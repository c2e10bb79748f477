use std::time::UNIX_EPOCH;

use http::{
    HeaderValue,
    header::{DATE, ETAG, LAST_MODIFIED},
};

use super::*;

const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const CHANGED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:50:00 GMT";

const SENT: Precondition = Precondition::Met { range: false };
const PART: Precondition = Precondition::Met { range: true };

fn headers(lines: &[(HeaderName, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(name, HeaderValue::from_static(value));
    }
    headers
}

/// A moment later than all of them.
fn now() -> SystemTime {
    UNIX_EPOCH + std::time::Duration::from_secs(1_795_000_000)
}

fn of(stored: &[(HeaderName, &'static str)], asked: &[(HeaderName, &'static str)]) -> Precondition {
    let stored = headers(stored);
    let validators = Validators::of(&stored, UNIX_EPOCH);
    evaluate(&Method::GET, &headers(asked), &validators, now())
}

fn page(asked: &[(HeaderName, &'static str)]) -> Precondition {
    of(
        &[(ETAG, "\"1\""), (LAST_MODIFIED, CHANGED), (DATE, LATER)],
        asked,
    )
}

#[test]
fn nothing_asked_is_all_sent() {
    assert_eq!(page(&[]), SENT);
    assert_eq!(page(&[(IF_RANGE, "\"1\"")]), SENT);
}

#[test]
fn what_the_client_has_is_not_sent_again() {
    for asked in ["\"1\"", "W/\"1\"", "\"2\", \"1\"", "*"] {
        assert_eq!(
            page(&[(IF_NONE_MATCH, asked)]),
            Precondition::NotModified,
            "{asked}"
        );
    }
    assert_eq!(page(&[(IF_NONE_MATCH, "\"2\"")]), SENT);
    assert_eq!(page(&[(IF_MODIFIED_SINCE, BEFORE)]), SENT);
    assert_eq!(
        page(&[(IF_MODIFIED_SINCE, CHANGED)]),
        Precondition::NotModified
    );
    assert_eq!(
        page(&[(IF_MODIFIED_SINCE, AFTER)]),
        Precondition::NotModified
    );
}

#[test]
fn a_tag_has_the_last_word_over_a_date() {
    let asked = [(IF_NONE_MATCH, "\"2\""), (IF_MODIFIED_SINCE, AFTER)];
    assert_eq!(page(&asked), SENT);
    let asked = [(IF_NONE_MATCH, "\"1\""), (IF_MODIFIED_SINCE, BEFORE)];
    assert_eq!(page(&asked), Precondition::NotModified);
    let asked = [(IF_MATCH, "\"1\""), (IF_UNMODIFIED_SINCE, BEFORE)];
    assert_eq!(page(&asked), SENT);
}

#[test]
fn what_the_client_does_not_mean_is_refused_before_all_else() {
    assert_eq!(page(&[(IF_MATCH, "\"1\"")]), SENT);
    assert_eq!(page(&[(IF_MATCH, "*")]), SENT);
    for asked in ["\"2\"", "W/\"1\"", "rubbish"] {
        assert_eq!(page(&[(IF_MATCH, asked)]), Precondition::Failed, "{asked}");
    }
    assert_eq!(page(&[(IF_UNMODIFIED_SINCE, BEFORE)]), Precondition::Failed);
    assert_eq!(page(&[(IF_UNMODIFIED_SINCE, CHANGED)]), SENT);
    let asked = [(IF_MATCH, "\"2\""), (IF_NONE_MATCH, "\"1\"")];
    assert_eq!(page(&asked), Precondition::Failed);
    let asked = [(IF_MATCH, "\"1\""), (IF_NONE_MATCH, "\"1\"")];
    assert_eq!(page(&asked), Precondition::NotModified);
}

#[test]
fn a_date_that_cannot_be_read_or_stands_twice_is_no_condition() {
    for field in [IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE] {
        assert_eq!(page(&[(field.clone(), "yesterday")]), SENT, "{field}");
        let twice = [(field.clone(), BEFORE), (field.clone(), AFTER)];
        assert_eq!(page(&twice), SENT, "{field}");
    }
}

#[test]
fn what_does_not_say_when_it_changed_has_not_changed_since_it_was_made() {
    let asked = [(IF_MODIFIED_SINCE, CHANGED)];
    assert_eq!(of(&[(DATE, CHANGED)], &asked), Precondition::NotModified);
    assert_eq!(of(&[(DATE, AFTER)], &asked), SENT);
    assert_eq!(
        of(&[], &asked),
        Precondition::NotModified,
        "received before"
    );
}

#[test]
fn a_part_is_of_the_representation_that_the_client_has_a_part_of() {
    let range = (RANGE, "bytes=0-1");
    assert_eq!(page(std::slice::from_ref(&range)), PART);
    for (named, expected) in [
        ("\"1\"", PART),
        ("\"2\"", SENT),
        ("W/\"1\"", SENT),
        (CHANGED, PART),
        (AFTER, SENT),
        ("rubbish", SENT),
        ("*", SENT),
    ] {
        assert_eq!(
            page(&[range.clone(), (IF_RANGE, named)]),
            expected,
            "{named}"
        );
    }
    let twice = [range.clone(), (IF_RANGE, "\"1\""), (IF_RANGE, "\"1\"")];
    assert_eq!(page(&twice), SENT);
}

#[test]
fn a_weak_validator_puts_no_parts_together() {
    let asked = |named| [(RANGE, "bytes=0-1"), (IF_RANGE, named)];
    assert_eq!(of(&[(ETAG, "W/\"1\"")], &asked("W/\"1\"")), SENT);
    // Made in the second in which it changed: it may have changed again in that second.
    let fresh = [(LAST_MODIFIED, CHANGED), (DATE, CHANGED)];
    assert_eq!(of(&fresh, &asked(CHANGED)), SENT);
    assert_eq!(of(&[], &asked("\"1\"")), SENT);
}

#[test]
fn head_has_no_ranges() {
    let stored = HeaderMap::new();
    let validators = Validators::of(&stored, UNIX_EPOCH);
    let asked = headers(&[(RANGE, "bytes=0-1")]);
    assert_eq!(evaluate(&Method::HEAD, &asked, &validators, now()), SENT);
}
