use std::time::UNIX_EPOCH;

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

const ROUTE: Answer = Answer {
    rejected: false,
    route_ttl: Some(Duration::from_secs(60)),
    session_touched: false,
};

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&'static str, &str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        )
    };
    let mut headers = HeaderMap::new();
    for (name, value) in lines.iter().map(line) {
        headers.append(name, value);
    }
    headers
}

fn judged(status: u16, lines: &[(&'static str, &str)], answer: Answer) -> Verdict {
    judge(
        StatusCode::from_u16(status).unwrap(),
        &headers(lines),
        answer,
        now(),
    )
}

/// Sun, 06 Nov 1994 08:49:37 GMT.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(784_111_777)
}

fn stored_for(seconds: u64) -> Verdict {
    Verdict::Store(Lifetime {
        age: Duration::ZERO,
        fresh_for: Duration::from_secs(seconds),
    })
}

#[test]
fn the_route_speaks_where_the_handler_does_not() {
    for status in [200, 203, 204, 301, 308] {
        assert_eq!(judged(status, &[], ROUTE), stored_for(60), "{status}");
    }
    for status in [201, 202, 300, 302, 303, 307, 404, 405, 410, 414, 451] {
        assert_eq!(
            judged(status, &[], ROUTE),
            Verdict::Refuse(Refusal::NoLifetime),
            "{status}"
        );
        assert_eq!(
            judged(status, &[("cache-control", "max-age=5")], ROUTE),
            stored_for(5),
            "{status}"
        );
    }
    assert_eq!(
        judged(200, &[], Answer::default()),
        Verdict::Refuse(Refusal::NoLifetime)
    );
}

#[test]
fn the_handler_overrules_the_route() {
    assert_eq!(
        judged(200, &[("cache-control", "max-age=5")], ROUTE),
        stored_for(5)
    );
    assert_eq!(
        judged(200, &[("cache-control", "max-age=500, s-maxage=7")], ROUTE),
        stored_for(7)
    );
    assert_eq!(
        judged(200, &[("cache-control", "max-age=0")], ROUTE),
        Verdict::Refuse(Refusal::Stale)
    );
    assert_eq!(
        judged(200, &[("cache-control", "public")], ROUTE),
        stored_for(60)
    );
}

#[test]
fn some_statuses_are_never_stored() {
    for status in [100, 103, 206, 304, 401, 403, 407, 429] {
        let verdict = judged(
            status,
            &[("cache-control", "public, max-age=60, s-maxage=60")],
            ROUTE,
        );
        assert_eq!(verdict, Verdict::Refuse(Refusal::Status), "{status}");
    }
}

#[test]
fn a_server_error_is_a_failure_whatever_it_says_of_its_freshness() {
    for status in [500, 501, 502, 503, 504, 599] {
        assert_eq!(judged(status, &[], ROUTE), Verdict::Failure);
        assert_eq!(
            judged(status, &[("cache-control", "max-age=60")], ROUTE),
            Verdict::Failure
        );
    }
}

#[test]
fn what_is_one_clients_own_is_nobody_elses_even_as_a_failure() {
    let cases = [
        ("set-cookie", "id=1", Refusal::SetCookie),
        ("cache-control", "max-age=60, Private", Refusal::Directive),
        ("cache-control", "max-age=60, no-store", Refusal::Directive),
        ("cache-control", "max-age=60, no-cache", Refusal::Directive),
        (
            "cache-control",
            "max-age=60, private=\"x\"",
            Refusal::Directive,
        ),
        ("vary", "*", Refusal::Vary),
        ("vary", "Accept-Encoding", Refusal::Vary),
        ("vary", "host, origin", Refusal::Vary),
        (
            "content-type",
            "Text/Event-Stream; charset=utf-8",
            Refusal::EventStream,
        ),
        (
            "content-type",
            "application/grpc+proto",
            Refusal::EventStream,
        ),
    ];
    for (name, value, refusal) in cases {
        for status in [200, 404, 500] {
            assert_eq!(
                judged(status, &[(name, value)], ROUTE),
                Verdict::Refuse(refusal),
                "{status} {name}: {value}"
            );
        }
    }
    let touched = Answer {
        session_touched: true,
        ..ROUTE
    };
    assert_eq!(
        judged(200, &[], touched),
        Verdict::Refuse(Refusal::SessionTouched)
    );
    let rejected = Answer {
        rejected: true,
        ..ROUTE
    };
    assert_eq!(
        judged(503, &[], rejected),
        Verdict::Refuse(Refusal::Rejected)
    );
}

#[test]
fn every_line_of_a_header_counts() {
    let lines = [
        ("cache-control", "max-age=60"),
        ("cache-control", "PRIVATE"),
    ];
    assert_eq!(
        judged(200, &lines, ROUTE),
        Verdict::Refuse(Refusal::Directive)
    );
    assert_eq!(
        judged(200, &[("vary", "host"), ("vary", "cookie")], ROUTE),
        Verdict::Refuse(Refusal::Vary)
    );
}

#[test]
fn the_host_is_in_every_key() {
    assert_eq!(judged(200, &[("vary", "Host, ")], ROUTE), stored_for(60));
}

#[test]
fn expires_counts_from_date_where_there_is_no_max_age() {
    let expires = ("expires", "Sun, 06 Nov 1994 08:50:37 GMT");
    assert_eq!(judged(404, &[expires], ROUTE), stored_for(60));
    assert_eq!(
        judged(
            200,
            &[expires, ("date", "Sun, 06 Nov 1994 08:50:27 GMT")],
            ROUTE
        ),
        stored_for(10)
    );
    assert_eq!(
        judged(200, &[expires, ("cache-control", "max-age=3")], ROUTE),
        stored_for(3)
    );
    let past = ("expires", "Sun, 06 Nov 1994 08:49:00 GMT");
    for lines in [
        &[past][..],
        &[expires, past],
        &[("expires", "0")],
        &[expires, ("expires", "soon")],
    ] {
        assert_eq!(
            judged(200, lines, ROUTE),
            Verdict::Refuse(Refusal::Stale),
            "{lines:?}"
        );
    }
}

#[test]
fn the_age_of_an_upstream_cache_is_taken_off() {
    let verdict = judged(
        200,
        &[("cache-control", "max-age=60"), ("age", "20")],
        ROUTE,
    );
    let Verdict::Store(lifetime) = verdict else {
        panic!("{verdict:?}")
    };
    assert_eq!(lifetime.remaining(), Duration::from_secs(40));
    for age in ["60", "99999999999999", "young"] {
        assert_eq!(
            judged(200, &[("age", age)], ROUTE),
            Verdict::Refuse(Refusal::Stale),
            "{age}"
        );
    }
}

proptest! {
    #[test]
    fn more_headers_never_make_a_private_answer_storable(
        status in 100_u16..600,
        directives in proptest::collection::vec("(max-age=[0-9]{1,3}|s-maxage=[0-9]{1,3}|public|immutable|x=\"[a-z]*\")", 0..5),
        at in 0_usize..6,
    ) {
        let mut directives = directives;
        directives.insert(at.min(directives.len()), "pRiVate".to_owned());
        let verdict = judged(status, &[("cache-control", &directives.join(", "))], ROUTE);
        prop_assert_eq!(verdict, Verdict::Refuse(Refusal::Directive));
    }
}
