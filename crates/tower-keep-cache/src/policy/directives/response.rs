use std::time::Duration;

use http::{HeaderMap, HeaderName, header::CACHE_CONTROL};

use super::syntax::{Directives, Step, Value, delta_seconds};

/// What a response says to a shared cache (RFC 9111 section 5.2.2), all lines of `Cache-Control` taken together.
///
/// Reading errs towards not storing: a time that is no number is zero, and a line whose quotes do not match is
/// `no-store`. Of times that are given twice the shortest counts: up to it the first occurrence may be used, and from
/// then on the response is considered stale, either of which section 4.2.1 allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResponseDirectives {
    pub(crate) max_age: Option<Duration>,
    pub(crate) must_revalidate: bool,
    pub(crate) must_understand: bool,
    pub(crate) no_cache: bool,
    pub(crate) no_store: bool,
    pub(crate) private: bool,
    pub(crate) proxy_revalidate: bool,
    pub(crate) public: bool,
    pub(crate) s_maxage: Option<Duration>,
    /// RFC 5861 section 4.
    pub(crate) stale_if_error: Option<Duration>,
    /// RFC 5861 section 3.
    pub(crate) stale_while_revalidate: Option<Duration>,
    /// The fields that `private="..."` and `no-cache="..."` name: what is stored is stored without them (sections
    /// 5.2.2.4 and 5.2.2.7). A list that cannot be read means the whole response.
    pub(crate) withheld: Vec<HeaderName>,
}

impl ResponseDirectives {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        for line in headers.get_all(CACHE_CONTROL) {
            found.read(line.as_bytes());
        }
        found
    }

    fn read(&mut self, line: &[u8]) {
        let mut directives = Directives::of(line);
        loop {
            match directives.next() {
                Step::Directive(name, value) => self.apply(name, value),
                Step::End => return,
                // What stands behind an open quote may be a `no-store`.
                Step::Malformed => {
                    self.no_store = true;
                    return;
                }
            }
        }
    }

    fn apply(&mut self, name: &[u8], value: Value<'_>) {
        let seconds = || delta_seconds(value.text()).unwrap_or_default();
        match name.to_ascii_lowercase().as_slice() {
            b"max-age" => shorten(&mut self.max_age, seconds()),
            b"must-revalidate" => self.must_revalidate = true,
            b"must-understand" => self.must_understand = true,
            b"no-cache" => self.no_cache |= self.is_whole(value),
            b"no-store" => self.no_store = true,
            b"private" => self.private |= self.is_whole(value),
            b"proxy-revalidate" => self.proxy_revalidate = true,
            b"public" => self.public = true,
            b"s-maxage" => shorten(&mut self.s_maxage, seconds()),
            b"stale-if-error" => shorten(&mut self.stale_if_error, seconds()),
            b"stale-while-revalidate" => shorten(&mut self.stale_while_revalidate, seconds()),
            _ => {}
        }
    }

    /// Whether the directive is about the whole response, and not about the fields that it names.
    fn is_whole(&mut self, fields: Value<'_>) -> bool {
        match fields {
            Value::Quoted(list) => !self.withhold(list),
            // Senders must not write fields without quotes, and what else stands there nobody knows.
            Value::None | Value::Token(_) => true,
        }
    }

    /// Withholds the fields of a list; `false` if it is none.
    pub(crate) fn withhold(&mut self, list: &[u8]) -> bool {
        let names = list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        let names = names.filter(|name| !name.is_empty());
        let Ok(names) = names
            .map(HeaderName::from_bytes)
            .collect::<Result<Vec<_>, _>>()
        else {
            return false;
        };
        let any = !names.is_empty();
        self.withheld.extend(names);
        any
    }
}

fn shorten(time: &mut Option<Duration>, read: Duration) {
    *time = Some(time.map_or(read, |known| known.min(read)));
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::{super::LONGEST, *};

    fn read(lines: &[&str]) -> ResponseDirectives {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(
                CACHE_CONTROL,
                HeaderValue::from_bytes(line.as_bytes()).unwrap(),
            );
        }
        ResponseDirectives::of(&headers)
    }

    fn seconds(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    #[test]
    fn reads_names_in_any_case_and_all_lines() {
        let read = read(&["Public, MAX-age=60", "S-MaxAge=10", "No-Cache"]);
        assert_eq!(
            (read.max_age, read.s_maxage, read.no_cache),
            (seconds(60), seconds(10), true)
        );
        assert!(!read.private && !read.no_store);
    }

    #[test]
    fn reads_which_fields_are_meant() {
        let read = read(&["private=\"X-User , set-cookie\", no-cache=\",etag\""]);
        assert!(!read.private && !read.no_cache);
        assert_eq!(read.withheld, ["x-user", "set-cookie", "etag"]);
    }

    #[test]
    fn takes_the_whole_where_the_fields_cannot_be_told() {
        for fields in [
            "set-cookie",
            "\"\"",
            "\",\"",
            "\"a b\"",
            "\"a, k\u{e4}se\"",
            "\"a\\\"\"",
        ] {
            assert!(read(&[&format!("private={fields}")]).private, "{fields}");
            assert!(read(&[&format!("no-cache={fields}")]).no_cache, "{fields}");
        }
        assert!(read(&["private, private=\"a\""]).private);
    }

    #[test]
    fn reads_the_rest_of_them() {
        let read = read(&[
            "public, must-revalidate, Proxy-Revalidate, must-understand",
            "stale-while-revalidate=5, stale-if-error=\"6\"",
        ]);
        assert!(
            read.public && read.must_revalidate && read.proxy_revalidate && read.must_understand
        );
        assert_eq!(
            (read.stale_while_revalidate, read.stale_if_error),
            (seconds(5), seconds(6))
        );
    }

    #[test]
    fn takes_the_shortest_of_duplicates_and_zero_for_no_number() {
        assert_eq!(read(&["max-age=60, max-age=5"]).max_age, seconds(5));
        assert_eq!(read(&["max-age=5", "max-age=60"]).max_age, seconds(5));
        for garbage in [
            "max-age",
            "max-age=",
            "max-age=-1",
            "max-age=1.5",
            "max-age=x",
            "max-age = 60",
            "max-age=\"\"",
        ] {
            assert_eq!(read(&[garbage]).max_age, seconds(0), "{garbage}");
        }
        assert_eq!(read(&["max-age=60, s-maxage=oops"]).s_maxage, seconds(0));
    }

    #[test]
    fn reads_quoted_and_overlong_numbers() {
        assert_eq!(read(&["max-age=\"60\""]).max_age, seconds(60));
        assert_eq!(
            read(&["max-age=99999999999999999999999999"]).max_age,
            Some(LONGEST)
        );
    }

    #[test]
    fn sees_a_restriction_behind_wrong_separators() {
        assert!(read(&["max-age=60; private"]).private);
        assert!(read(&["max-age=60 no-store"]).no_store);
        assert!(read(&[",, ,no-store,"]).no_store);
        for line in [
            "private:",
            "'private'",
            "max-age=60:private",
            "max-age=60=private",
            "cache-control: private",
            "(private)",
            "private\u{a0}",
            "{\u{feff}private}",
            "*private",
        ] {
            assert!(read(&[line]).private, "{line}");
        }
    }

    #[test]
    fn does_not_see_directives_inside_quotes() {
        let read = read(&["ext=\"no-store, \\\" private\", max-age=9"]);
        assert!(!read.no_store && !read.private);
        assert_eq!(read.max_age, seconds(9));
    }

    #[test]
    fn takes_unmatched_quotes_for_no_store() {
        for line in [
            "max-age=60, ext=\"open, private",
            "\"",
            "max-age=6\"0",
            "a\"b\", max-age=1",
            "ext=\"a\\\"",
        ] {
            assert!(read(&[line]).no_store, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_garbage_around_a_restriction_leaves_it_in_force(before in "[ -~]{0,24}", after in "[ -~]{0,24}") {
            // Outside balanced quotes the directive is seen; otherwise the line is no-store.
            let line = format!("{before},private,{after}");
            let read = read(&[&line]);
            let quoted = before.contains('"');
            prop_assert!(read.private || read.no_store || quoted, "{line}");
        }

        #[test]
        fn no_character_around_a_restriction_hides_it(
            before in any::<u8>(),
            after in any::<u8>(),
            directive in "(private|PRIVATE|no-store|No-Store|no-cache)",
        ) {
            let of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            prop_assume!(!of_a_name(before) && !of_a_name(after));
            let line = [b"max-age=60", &[before][..], directive.as_bytes(), &[after]].concat();
            let mut read = ResponseDirectives::default();
            read.read(&line);
            prop_assert!(read.private || read.no_store || read.no_cache, "{line:?}");
        }

        #[test]
        fn reading_never_fails_on_any_bytes(line in proptest::collection::vec(any::<u8>(), 0..48)) {
            ResponseDirectives::default().read(&line);
        }
    }
}
