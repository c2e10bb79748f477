use std::time::SystemTime;

use http::{
    HeaderMap, HeaderName,
    header::{
        CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, IF_MATCH, IF_MODIFIED_SINCE,
        IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE,
    },
};

use super::{
    ResponseDirectives, stored_headers,
    validator::{Comparison, EntityTag, Validators},
};

/// Makes of a client's request the one that fills the cache: for the whole answer, whoever gets it.
///
/// The client's own conditions are about its copy; they are judged on what this brings. `stored` is the head of an
/// answer that the cache has and would like to keep: the handler is asked whether it may (RFC 9111 section 4.3.1).
pub(crate) fn ask_for_all(asked: &mut HeaderMap, stored: Option<&HeaderMap>, now: SystemTime) {
    const CLIENTS: [HeaderName; 6] = [
        IF_MATCH,
        IF_MODIFIED_SINCE,
        IF_NONE_MATCH,
        IF_RANGE,
        IF_UNMODIFIED_SINCE,
        RANGE,
    ];
    for name in CLIENTS {
        asked.remove(name);
    }
    let Some(stored) = stored else { return };
    // What cannot be read as a validator could not be compared with what comes back.
    let validators = Validators::of(stored, now);
    if validators.etag.is_some() {
        copy(stored, &ETAG, asked, IF_NONE_MATCH);
    }
    if validators.last_modified.is_some() {
        copy(stored, &LAST_MODIFIED, asked, IF_MODIFIED_SINCE);
    }
}

fn copy(from: &HeaderMap, name: &HeaderName, to: &mut HeaderMap, as_name: HeaderName) {
    if let Some(value) = from.get(name) {
        to.insert(as_name, value.clone());
    }
}

/// Whether a 304 is about the answer that is stored (RFC 9111 section 4.3.4).
///
/// A tag must be the same, where one of the two is weak as far as its text goes; a date must be the same where there is
/// no tag. A 304 without any validator is about the one that was asked about.
pub(crate) fn is_about(stored: &HeaderMap, answer: &HeaderMap, now: SystemTime) -> bool {
    let stored = Validators::of(stored, now);
    let said = answer.get(ETAG).map(|tag| EntityTag::parse(tag.as_bytes()));
    if let Some(said) = said {
        return match (said, stored.etag) {
            (Some(said), Some(own)) if !said.is_weak() && !own.is_weak() => {
                said.is(own, Comparison::Strong)
            }
            (Some(said), Some(own)) => said.is(own, Comparison::Weak),
            // It was asked by date, and the tag is new.
            (Some(_), None) => stored.last_modified.is_some(),
            (None, _) => false,
        };
    }
    if !answer.contains_key(LAST_MODIFIED) || stored.etag.is_some() {
        return true;
    }
    let said = Validators::of(answer, now).last_modified;
    said.map(|said| said.at) == stored.last_modified.map(|own| own.at)
}

/// The head of the stored answer, brought up to date by a 304 (RFC 9111 section 3.2): each field that it has takes the
/// place of all lines of that name.
///
/// Left as they were: what is never stored, the length, and how the stored body is coded, which a head that came
/// without a body cannot change.
pub(crate) fn updated(stored: &HeaderMap, answer: &HeaderMap) -> HeaderMap {
    const OF_THE_BODY: [HeaderName; 3] = [CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE];
    let mut headers = stored.clone();
    // It is as old as what has confirmed it (RFC 9111 section 4.2.3), and that is new if it does not say its date.
    headers.remove(DATE);
    let news = stored_headers(answer, &ResponseDirectives::of(answer).withheld, false);
    for name in news.keys().filter(|name| !OF_THE_BODY.contains(name)) {
        headers.remove(name);
        for value in news.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;
    const DAY: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const NEXT: &str = "Mon, 07 Nov 1994 08:49:37 GMT";

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_clients_conditions_give_way_to_the_caches() {
        let clients = [
            ("if-match", "\"c\""),
            ("if-none-match", "\"c\""),
            ("if-none-match", "\"d\""),
            ("if-modified-since", NEXT),
            ("if-unmodified-since", NEXT),
            ("if-range", "\"c\""),
            ("range", "bytes=0-1"),
            ("accept", "text/html"),
        ];
        let mut asked = headers(&clients);
        ask_for_all(&mut asked, None, NOW);
        assert_eq!(asked, headers(&[("accept", "text/html")]));

        let mut asked = headers(&clients);
        ask_for_all(
            &mut asked,
            Some(&headers(&[("etag", "W/\"1\""), ("last-modified", DAY)])),
            NOW,
        );
        let expected = [
            ("accept", "text/html"),
            ("if-none-match", "W/\"1\""),
            ("if-modified-since", DAY),
        ];
        assert_eq!(asked, headers(&expected));
    }

    #[test]
    fn what_is_no_validator_is_not_asked_with() {
        let mut asked = HeaderMap::new();
        ask_for_all(
            &mut asked,
            Some(&headers(&[("etag", "1"), ("last-modified", "today")])),
            NOW,
        );
        assert_eq!(asked, HeaderMap::new());
    }

    #[test]
    fn a_304_is_about_what_has_its_validator() {
        let stored = headers(&[("etag", "\"1\""), ("last-modified", DAY)]);
        for answer in [
            &[][..],
            &[("etag", "\"1\"")],
            &[("etag", "W/\"1\"")],
            &[("last-modified", NEXT)],
        ] {
            assert!(is_about(&stored, &headers(answer), NOW), "{answer:?}");
        }
        for answer in [
            &[("etag", "\"2\"")][..],
            &[("etag", "W/\"2\"")],
            &[("etag", "1")],
        ] {
            assert!(!is_about(&stored, &headers(answer), NOW), "{answer:?}");
        }
        let dated = headers(&[("last-modified", DAY)]);
        assert!(is_about(&dated, &headers(&[("last-modified", DAY)]), NOW));
        assert!(is_about(&dated, &headers(&[("etag", "\"1\"")]), NOW));
        assert!(!is_about(&dated, &headers(&[("last-modified", NEXT)]), NOW));
    }

    #[test]
    fn a_304_updates_what_it_says_and_nothing_about_the_body() {
        let stored = headers(&[
            ("etag", "\"1\""),
            ("content-type", "text/plain"),
            ("content-encoding", "gzip"),
            ("cache-control", "max-age=1"),
            ("link", "</a>"),
            ("link", "</b>"),
            ("x-old", "1"),
        ]);
        let answer = headers(&[
            ("cache-control", "max-age=60"),
            ("link", "</c>"),
            ("content-encoding", "br"),
            ("content-length", "0"),
            ("content-type", "text/html"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("x-new", "1"),
        ]);
        let expected = headers(&[
            ("etag", "\"1\""),
            ("content-type", "text/html"),
            ("content-encoding", "gzip"),
            ("cache-control", "max-age=60"),
            ("link", "</c>"),
            ("x-old", "1"),
            ("x-new", "1"),
        ]);
        assert_eq!(updated(&stored, &answer), expected);
    }
}
