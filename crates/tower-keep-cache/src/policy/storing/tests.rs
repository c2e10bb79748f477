use std::time::UNIX_EPOCH;

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::policy::{LONGEST, Staleness};

const ROUTE: Rules = Rules {
    heuristics: false,
    negative_ttl: None,
    stale_if_error: None,
    stale_while_revalidate: None,
    strict: false,
    ttl: Some(Duration::from_secs(60)),
};

const STRICT: Rules = Rules {
    strict: true,
    ..ROUTE
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

fn judged(status: u16, lines: &[(&'static str, &str)], rules: Rules) -> Verdict {
    judged_as(status, lines, rules, Answer::default())
}

fn judged_as(status: u16, lines: &[(&'static str, &str)], rules: Rules, answer: Answer) -> Verdict {
    let status = StatusCode::from_u16(status).unwrap();
    judge(status, &headers(lines), answer, &rules, now())
}

fn kept(verdict: &Verdict) -> &Keep {
    match verdict {
        Verdict::Store(keep) => keep,
        other => panic!("{other:?}"),
    }
}

/// Sun, 06 Nov 1994 08:49:37 GMT.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(784_111_777)
}

fn stored_for(seconds: u64) -> Verdict {
    Verdict::Store(Keep {
        lifetime: Lifetime {
            fresh_for: Duration::from_secs(seconds),
            ..Lifetime::default()
        },
        withheld: Vec::new(),
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
        judged(200, &[], Rules::default()),
        Verdict::Refuse(Refusal::NoLifetime)
    );
}

#[test]
fn the_handler_overrules_the_route() {
    assert_eq!(
        judged(200, &[("cache-control", "max-age=5")], ROUTE),
        stored_for(5)
    );
    let shared = judged(200, &[("cache-control", "max-age=500, s-maxage=7")], ROUTE);
    assert_eq!(kept(&shared).lifetime.fresh_for, Duration::from_secs(7));
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
    for status in [100, 103, 206, 304, 401, 403, 407, 428, 429, 431, 511] {
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
        (
            "cache-control",
            "max-age=60, private=\"\"",
            Refusal::Directive,
        ),
        ("vary", "*", Refusal::Vary),
        ("vary", "accept, *", Refusal::Vary),
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
        ..Answer::default()
    };
    let rejected = Answer {
        rejected: true,
        ..Answer::default()
    };
    for rules in [ROUTE, STRICT] {
        assert_eq!(
            judged_as(200, &[], rules, touched),
            Verdict::Refuse(Refusal::SessionTouched)
        );
        assert_eq!(
            judged_as(503, &[], rules, rejected),
            Verdict::Refuse(Refusal::Rejected)
        );
    }
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
        judged(200, &[("vary", "host"), ("vary", "*")], ROUTE),
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
    let fresh = ("cache-control", "max-age=60");
    for (age, remaining) in [
        ("20", 40),
        ("20, 70", 40),
        ("young", 60),
        ("-70", 60),
        ("70.0", 60),
    ] {
        let verdict = judged(200, &[fresh, ("age", age)], ROUTE);
        let remaining = Duration::from_secs(remaining);
        assert_eq!(kept(&verdict).lifetime.remaining(), remaining, "{age}");
    }
    for age in ["60", "99999999999999", "70, 0"] {
        let refused = Verdict::Refuse(Refusal::Stale);
        assert_eq!(judged(200, &[fresh, ("age", age)], ROUTE), refused, "{age}");
    }
    let first = judged(200, &[fresh, ("age", "0"), ("age", "70")], ROUTE);
    assert_eq!(first, stored_for(60));
}

#[test]
fn clocks_and_delays_make_an_answer_older() {
    let fresh = ("cache-control", "max-age=60");
    let aged = |lines: &[_], seconds| {
        let answer = Answer {
            delay: Duration::from_secs(seconds),
            ..Answer::default()
        };
        kept(&judged_as(200, lines, ROUTE, answer))
            .lifetime
            .age
            .as_secs()
    };
    // RFC 9111 section 4.2.3: the greater of what the clocks say, and of Age with the delay.
    let ten_ago = ("date", "Sun, 06 Nov 1994 08:49:27 GMT");
    assert_eq!(aged(&[fresh, ten_ago], 0), 10);
    assert_eq!(aged(&[fresh, ten_ago, ("age", "4")], 5), 10);
    assert_eq!(aged(&[fresh, ten_ago, ("age", "6")], 5), 11);
    assert_eq!(
        aged(&[fresh, ("date", "Sun, 06 Nov 1994 08:50:27 GMT")], 0),
        0
    );
    // What the route says counts from the answer on.
    assert_eq!(aged(&[], 50), 0);
}

#[test]
fn an_answer_that_must_be_validated_is_kept_only_if_it_can_be() {
    let etag = ("etag", "\"1\"");
    for directives in ["max-age=0", "no-cache", "max-age=60, no-cache"] {
        let lines = [("cache-control", directives), etag];
        let verdict = judged(200, &lines, Rules::default());
        let lifetime = kept(&verdict).lifetime;
        assert!(
            lifetime.stale.validate || lifetime.remaining().is_zero(),
            "{directives}"
        );
        let Verdict::Refuse(_) = judged(200, &lines[..1], Rules::default()) else {
            panic!("{directives}");
        };
    }
    let stale = judged(
        200,
        &[("cache-control", "max-age=0, stale-while-revalidate=9")],
        ROUTE,
    );
    assert_eq!(
        kept(&stale).lifetime.stale.while_revalidate,
        Duration::from_secs(9)
    );
}

#[test]
fn fields_can_be_withheld_and_the_rest_kept() {
    let lines = [
        (
            "cache-control",
            "max-age=60, private=\"Set-Cookie, x-user\"",
        ),
        ("set-cookie", "id=1"),
    ];
    let verdict = judged(200, &lines, ROUTE);
    assert_eq!(kept(&verdict).withheld, ["set-cookie", "x-user"]);
}

#[test]
fn credentials_need_a_word_that_the_answer_is_for_everybody() {
    let authorized = Answer {
        authorized: true,
        ..Answer::default()
    };
    for word in ["public", "must-revalidate", "s-maxage=60"] {
        let directives = format!("max-age=60, {word}");
        let verdict = judged_as(200, &[("cache-control", &directives)], STRICT, authorized);
        assert!(!kept(&verdict).lifetime.remaining().is_zero(), "{word}");
    }
    for directives in [
        "max-age=60",
        "max-age=60, proxy-revalidate",
        "max-age=60, no-cache",
    ] {
        assert_eq!(
            judged_as(
                200,
                &[("cache-control", directives), ("etag", "\"1\"")],
                STRICT,
                authorized
            ),
            Verdict::Refuse(Refusal::Authorization),
            "{directives}"
        );
    }
}

#[test]
fn must_understand_overrules_no_store_where_the_status_is_understood() {
    let lines = [("cache-control", "max-age=60, no-store, must-understand")];
    assert_eq!(judged(200, &lines, ROUTE), stored_for(60));
    assert_eq!(
        judged(299, &lines, ROUTE),
        Verdict::Refuse(Refusal::Directive)
    );
    let lines = [("cache-control", "max-age=60, must-understand")];
    assert_eq!(judged(299, &lines, ROUTE), Verdict::Refuse(Refusal::Status));
    assert_eq!(
        judged(299, &[("cache-control", "max-age=60")], ROUTE),
        stored_for(60)
    );
}

#[test]
fn a_targeted_field_overrules_the_others_and_a_broken_one_says_nothing() {
    let long = ("cdn-cache-control", "max-age=3600");
    for lines in [
        [long, ("cache-control", "no-store")],
        [long, ("cache-control", "max-age=1, private")],
        [long, ("expires", "0")],
    ] {
        assert_eq!(judged(200, &lines, ROUTE), stored_for(3600));
    }
    let expires = ("expires", "Sun, 06 Nov 1994 08:50:37 GMT");
    let silent = [("cdn-cache-control", "public"), expires];
    assert_eq!(
        judged(200, &silent, Rules::default()),
        Verdict::Refuse(Refusal::NoLifetime)
    );
    for broken in ["max-age=\"10000\"", "max-age=10000, &&&&&", ""] {
        let lines = [("cdn-cache-control", broken), ("cache-control", "no-store")];
        assert_eq!(
            judged(200, &lines, ROUTE),
            Verdict::Refuse(Refusal::Directive),
            "{broken}"
        );
    }
    for restriction in ["no-store", "private"] {
        let lines = [
            ("cdn-cache-control", restriction),
            ("cache-control", "max-age=10000"),
        ];
        assert_eq!(
            judged(200, &lines, ROUTE),
            Verdict::Refuse(Refusal::Directive),
            "{restriction}"
        );
    }
}

#[test]
fn nothing_is_remembered_for_as_long_as_the_route_says() {
    let rules = Rules {
        negative_ttl: Some(Duration::from_secs(5)),
        ..ROUTE
    };
    for status in [404, 410] {
        assert_eq!(judged(status, &[], rules), stored_for(5));
        assert_eq!(
            judged(status, &[("cache-control", "max-age=9")], rules),
            stored_for(9)
        );
    }
    for status in [400, 401, 403, 405, 451] {
        let Verdict::Refuse(_) = judged(status, &[], rules) else {
            panic!("{status}");
        };
    }
}

#[test]
fn a_lifetime_is_guessed_only_where_that_is_asked_for() {
    let ten_hours = [("last-modified", "Sat, 05 Nov 1994 22:49:37 GMT")];
    let rules = Rules {
        heuristics: true,
        ..Rules::default()
    };
    let nothing = Verdict::Refuse(Refusal::NoLifetime);
    assert_eq!(judged(200, &ten_hours, Rules::default()), nothing);
    assert_eq!(judged(200, &[], rules), nothing);
    assert_eq!(judged(201, &ten_hours, rules), nothing);
    for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414] {
        assert_eq!(
            judged(status, &ten_hours, rules),
            stored_for(3600),
            "{status}"
        );
    }
    let public = [ten_hours[0], ("cache-control", "public")];
    assert_eq!(judged(201, &public, rules), stored_for(3600));
    let years = [("last-modified", "Sun, 06 Nov 1983 08:49:37 GMT")];
    assert_eq!(judged(200, &years, rules), stored_for(24 * 3600));
    let future = [("last-modified", "Sun, 06 Nov 1994 08:49:38 GMT")];
    assert_eq!(judged(200, &future, rules), nothing);
}

#[test]
fn the_strict_profile_takes_a_response_by_its_word() {
    let unlimited = |seconds| Keep {
        lifetime: Lifetime {
            fresh_for: Duration::from_secs(seconds),
            stale: Staleness {
                if_error: LONGEST,
                ..Staleness::default()
            },
            ..Lifetime::default()
        },
        withheld: Vec::new(),
    };
    for status in [200, 201, 299, 302, 400, 401, 403, 404, 499, 500, 503, 599] {
        let lines = [("cache-control", "max-age=5"), ("set-cookie", "a=b")];
        let verdict = judged(status, &lines, STRICT);
        assert_eq!(verdict, Verdict::Store(unlimited(5)), "{status}");
    }
    for status in [200, 404] {
        assert_eq!(
            judged(status, &[], STRICT),
            Verdict::Refuse(Refusal::NoLifetime)
        );
    }
    assert_eq!(judged(500, &[], STRICT), Verdict::Failure);
    for directive in ["no-store", "private"] {
        let lines = [
            ("cache-control", directive),
            ("expires", "Sun, 06 Nov 1994 08:50:37 GMT"),
        ];
        assert_eq!(
            judged(200, &lines, STRICT),
            Verdict::Refuse(Refusal::Directive)
        );
    }
}

#[test]
fn in_the_strict_profile_a_cookie_is_shared_only_with_an_answer_that_says_it_is_fresh() {
    let cookie = ("set-cookie", "id=1");
    let unchanged = ("last-modified", "Sun, 06 Nov 1994 08:39:37 GMT");
    let guessing = Rules {
        heuristics: true,
        ..STRICT
    };
    assert!(matches!(
        judged(200, &[unchanged], guessing),
        Verdict::Store(_)
    ));
    let refused = Verdict::Refuse(Refusal::SetCookie);
    assert_eq!(judged(200, &[unchanged, cookie], guessing), refused);
    for says in ["no-cache", "no-cache, max-age=5", "max-age=0"] {
        let lines = [("cache-control", says), ("etag", "\"1\""), cookie];
        assert!(matches!(
            judged(200, &lines[..2], STRICT),
            Verdict::Store(_)
        ));
        assert_eq!(judged(200, &lines, STRICT), refused, "{says}");
    }
}

#[test]
fn a_failure_of_one_client_is_nobody_elses_in_any_profile() {
    let cookies = Answer {
        cookies: true,
        ..Answer::default()
    };
    for rules in [ROUTE, STRICT] {
        let sets = judged(500, &[("set-cookie", "id=1")], rules);
        assert_eq!(sets, Verdict::Refuse(Refusal::SetCookie));
        let asked = judged_as(500, &[], rules, cookies);
        assert_eq!(asked, Verdict::Refuse(Refusal::Cookie));
        assert_eq!(judged(500, &[], rules), Verdict::Failure);
    }
    let says = [("cache-control", "max-age=5")];
    assert!(matches!(
        judged_as(500, &says, STRICT, cookies),
        Verdict::Store(_)
    ));
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

    #[test]
    fn no_numbers_and_no_dates_make_judging_fail(
        numbers in proptest::array::uniform4(any::<u64>()),
        delay in any::<u64>(),
        dates in proptest::array::uniform3("(Sun|x), [0-9]{2} (Nov|Feb|May) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"),
        now in any::<u64>(),
        strict in any::<bool>(),
    ) {
        let [max_age, age, while_revalidate, if_error] = numbers;
        let [date, expires, modified] = dates;
        let directives = format!("max-age={max_age}, stale-while-revalidate={while_revalidate}, stale-if-error={if_error}");
        let age = age.to_string();
        let mut lines = vec![("age", age.as_str()), ("date", &date), ("expires", &expires), ("last-modified", &modified)];
        if now % 2 == 0 {
            lines.push(("cache-control", &directives));
        }
        let rules = Rules { heuristics: true, strict, ..ROUTE };
        let answer = Answer { delay: Duration::from_secs(delay), ..Answer::default() };
        // Any time that a clock can show.
        let now = UNIX_EPOCH + Duration::from_secs(now >> 8);
        let verdict = judge(StatusCode::OK, &headers(&lines), answer, &rules, now);
        if let Verdict::Store(keep) = verdict {
            prop_assert!(keep.lifetime.remaining() <= keep.lifetime.fresh_for);
        }
    }
}
