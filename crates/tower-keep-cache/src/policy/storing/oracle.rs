//! Compared with another implementation of RFC 9111's rules, where both know them.
//!
//! Left out is what the two see differently, and why we see it as we do:
//!
//! | | theirs | ours |
//! |---|---|---|
//! | `max-age` given twice | nothing is fresh | the shortest (section 4.2.1 allows both) |
//! | names in upper case | are others | are the same (section 5.2) |
//! | a comma between quotes | parts | is text (RFC 9110 section 5.6.4) |
//! | `Date` in the past | says nothing | makes it older (section 4.2.3) |
//! | `proxy-revalidate` | nothing is fresh | is about what is stale (section 5.2.2.8) |
//! | statuses that RFC 9110 does not know | never stored | stored with an explicit lifetime (section 3) |
//! | 5xx, `Set-Cookie`, credentials | stored by the standard, or by a wish of its own | stored by the standard in the strict profile |
//! | `must-understand`, `CDN-Cache-Control`, RFC 5861, lists of `Vary` | unknown | known |

use std::time::UNIX_EPOCH;

use http::{HeaderValue, Request, Response};
use http_cache_semantics::{CacheOptions, CachePolicy};
use proptest::prelude::*;

use super::*;

/// Sun, 06 Nov 1994 08:49:37 GMT.
const NOW: u64 = 784_111_777;
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// What is left of the freshness of a response, seconds; nothing, if it may not be stored.
fn ours(status: u16, lines: &[(HeaderName, String)], authorized: bool) -> u64 {
    let rules = Rules {
        heuristics: true,
        strict: true,
        ..Rules::default()
    };
    let answer = Answer {
        authorized,
        ..Answer::default()
    };
    let headers = lines
        .iter()
        .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
    let status = StatusCode::from_u16(status).unwrap();
    let now = UNIX_EPOCH + Duration::from_secs(NOW);
    match judge(status, &headers.collect(), answer, &rules, now) {
        Verdict::Store(keep) if !keep.lifetime.stale.validate => {
            keep.lifetime.remaining().as_secs()
        }
        _ => 0,
    }
}

fn theirs(status: u16, lines: &[(HeaderName, String)], authorized: bool) -> u64 {
    let mut request = Request::get("/");
    if authorized {
        request = request.header(header::AUTHORIZATION, "Bearer x");
    }
    let mut response = Response::builder().status(status);
    for (name, value) in lines {
        response = response.header(name, value);
    }
    let now = UNIX_EPOCH + Duration::from_secs(NOW);
    let (request, response) = (request.body(()).unwrap(), response.body(()).unwrap());
    let policy = CachePolicy::new_options(&request, &response, now, CacheOptions::default());
    match policy.is_storable() {
        true => policy.time_to_live(now).as_secs(),
        false => 0,
    }
}

fn directive() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0_u32..100_000).prop_map(|seconds| format!("max-age={seconds}")),
        2 => (0_u32..100_000).prop_map(|seconds| format!("s-maxage={seconds}")),
        1 => Just("no-store".to_owned()),
        1 => Just("no-cache".to_owned()),
        1 => Just("private".to_owned()),
        2 => Just("public".to_owned()),
        1 => Just("must-revalidate".to_owned()),
        2 => Just("ext=\"no-store\"".to_owned()),
    ]
}

/// A date in the form of HTTP, a day or so before or after.
fn date() -> impl Strategy<Value = String> {
    (5_u8..9, 0_u8..24, 0_u8..60, 0_u8..60).prop_map(|(day, hour, minute, second)| {
        let weekday = ["Sat", "Sun", "Mon", "Tue"][usize::from(day - 5)];
        format!("{weekday}, {day:02} Nov 1994 {hour:02}:{minute:02}:{second:02} GMT")
    })
}

proptest! {
    #[test]
    fn both_give_a_response_the_same_lifetime(
        status in prop_oneof![
            Just(200_u16), Just(203), Just(204), Just(300), Just(301), Just(302), Just(307),
            Just(308), Just(404), Just(405), Just(410), Just(414), Just(501),
        ],
        directives in proptest::collection::vec(directive(), 0..5),
        age in proptest::option::of(0_u32..100_000),
        expires in proptest::option::of(prop_oneof![4 => date(), 1 => Just("0".to_owned())]),
        modified in proptest::option::of(date()),
        authorized in any::<bool>(),
    ) {
        // Twice is once too often: see above.
        let mut names = Vec::new();
        let directives: Vec<_> = directives
            .into_iter()
            .filter(|directive| {
                let name = directive.split('=').next().unwrap_or_default().to_owned();
                let is_new = !names.contains(&name);
                names.push(name);
                is_new
            })
            .collect();
        let mut lines = vec![(header::DATE, DATE.to_owned())];
        if !directives.is_empty() {
            lines.push((header::CACHE_CONTROL, directives.join(", ")));
        }
        lines.extend(age.map(|age| (header::AGE, age.to_string())));
        lines.extend(expires.map(|expires| (header::EXPIRES, expires)));
        lines.extend(modified.map(|modified| (header::LAST_MODIFIED, modified)));
        prop_assert_eq!(
            ours(status, &lines, authorized),
            theirs(status, &lines, authorized),
            "{} {:?}", status, lines
        );
    }
}
