use std::time::Duration;

use http::{HeaderMap, header::CACHE_CONTROL};

/// The longest time that a directive can mean (RFC 9111 section 1.2.2: a greater number is 2^31).
pub(crate) const LONGEST: Duration = Duration::from_secs(LONGEST_SECONDS);
const LONGEST_SECONDS: u64 = 1 << 31;

/// The `Cache-Control` directives a shared cache acts on (RFC 9111 section 5.2), all lines taken together.
///
/// Reading errs towards not storing: of duplicates the most restrictive counts, a time that is no number is zero, the
/// field forms (`private="set-cookie"`) count as the whole, whatever is no part of a name may separate
/// (`private; max-age=60`, `'private'`), and a line whose quotes do not match is `no-store`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheControl {
    pub(crate) max_age: Option<Duration>,
    pub(crate) no_cache: bool,
    pub(crate) no_store: bool,
    pub(crate) only_if_cached: bool,
    pub(crate) private: bool,
    pub(crate) s_maxage: Option<Duration>,
}

impl CacheControl {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        for line in headers.get_all(CACHE_CONTROL) {
            found.read(line.as_bytes());
        }
        found
    }

    pub(crate) fn read(&mut self, line: &[u8]) {
        let mut directives = Directives { rest: line };
        loop {
            match directives.next() {
                Step::Directive(name, value) => self.apply(name, value),
                Step::End => return,
                // What stands behind an open quote cannot be told apart from it: it may be a `no-store`.
                Step::Malformed => {
                    self.no_store = true;
                    return;
                }
            }
        }
    }

    fn apply(&mut self, name: &[u8], value: &[u8]) {
        if name.eq_ignore_ascii_case(b"max-age") {
            shorten(&mut self.max_age, value);
        } else if name.eq_ignore_ascii_case(b"s-maxage") {
            shorten(&mut self.s_maxage, value);
        } else if name.eq_ignore_ascii_case(b"no-store") {
            self.no_store = true;
        } else if name.eq_ignore_ascii_case(b"no-cache") {
            self.no_cache = true;
        } else if name.eq_ignore_ascii_case(b"private") {
            self.private = true;
        } else if name.eq_ignore_ascii_case(b"only-if-cached") {
            self.only_if_cached = true;
        }
    }
}

fn shorten(time: &mut Option<Duration>, value: &[u8]) {
    let read = delta_seconds(value).unwrap_or(Duration::ZERO);
    *time = Some(time.map_or(read, |known| known.min(read)));
}

/// RFC 9111 section 1.2.2: digits only; too great a number is the greatest.
pub(crate) fn delta_seconds(value: &[u8]) -> Option<Duration> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = value.iter().fold(0_u64, |sum, digit| {
        (sum * 10 + u64::from(digit - b'0')).min(LONGEST_SECONDS)
    });
    Some(Duration::from_secs(seconds))
}

enum Step<'a> {
    Directive(&'a [u8], &'a [u8]),
    End,
    Malformed,
}

struct Directives<'a> {
    rest: &'a [u8],
}

impl<'a> Directives<'a> {
    fn next(&mut self) -> Step<'a> {
        self.skip(|byte| byte != b'"' && (byte == b'=' || is_separator(byte)));
        if self.rest.is_empty() {
            return Step::End;
        }
        let name = self.take(|byte| byte == b'=' || is_separator(byte));
        match self.rest.first() {
            Some(b'"') => return Step::Malformed,
            Some(b'=') => self.rest = &self.rest[1..],
            _ => return Step::Directive(name, b""),
        }
        if let Some(b'"') = self.rest.first() {
            return match closing_quote(&self.rest[1..]) {
                Some(end) => {
                    let value = &self.rest[1..=end];
                    self.rest = &self.rest[end + 2..];
                    Step::Directive(name, value)
                }
                None => Step::Malformed,
            };
        }
        let value = self.take(|byte| byte == b'=' || is_separator(byte));
        if let Some(b'"') = self.rest.first() {
            return Step::Malformed;
        }
        Step::Directive(name, value)
    }

    fn skip(&mut self, skipped: impl Fn(u8) -> bool) {
        let count = self.rest.iter().take_while(|byte| skipped(**byte)).count();
        self.rest = &self.rest[count..];
    }

    fn take(&mut self, ends: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self
            .rest
            .iter()
            .position(|byte| ends(*byte))
            .unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}

/// Commas part directives; semicolons, blanks and colons are what people write instead. No name that means anything
/// here has a character beyond these (RFC 9110 section 5.6.2 allows some).
fn is_separator(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'='))
}

/// The index in `quoted` (which begins after the opening quote) of the quote that ends it.
fn closing_quote(quoted: &[u8]) -> Option<usize> {
    let mut escaped = false;
    quoted.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(lines: &[&str]) -> CacheControl {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(
                CACHE_CONTROL,
                HeaderValue::from_bytes(line.as_bytes()).unwrap(),
            );
        }
        CacheControl::of(&headers)
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
    fn takes_the_field_forms_for_the_whole() {
        assert!(read(&["private=\"x-user, set-cookie\""]).private);
        assert!(read(&["no-cache=\"set-cookie\", max-age=60"]).no_cache);
        assert!(read(&["private=set-cookie"]).private);
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
            let mut read = CacheControl::default();
            read.read(&line);
            prop_assert!(read.private || read.no_store || read.no_cache, "{line:?}");
        }

        #[test]
        fn reading_never_fails_on_any_bytes(line in proptest::collection::vec(any::<u8>(), 0..48)) {
            CacheControl::default().read(&line);
        }
    }
}
