use std::time::Duration;

use super::syntax::{Directives, LONGEST, Step, Value, delta_seconds};

/// What a client asks of caches (RFC 9111 section 5.2.1): advice, which a cache may also leave alone.
///
/// Of duplicates the most demanding counts, and a time that is no number says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestDirectives {
    /// No older than this (section 5.2.1.1).
    pub(crate) max_age: Option<Duration>,
    /// Stale for as long as this is good enough (section 5.2.1.2). Without a number: however long.
    pub(crate) max_stale: Option<Duration>,
    /// Fresh for so long still (section 5.2.1.3).
    pub(crate) min_fresh: Option<Duration>,
    /// Nothing stored unless its origin confirms it (section 5.2.1.4).
    pub(crate) no_cache: bool,
    /// Nothing to be stored (section 5.2.1.5).
    pub(crate) no_store: bool,
    /// Nothing but what is stored (section 5.2.1.7).
    pub(crate) only_if_cached: bool,
}

impl RequestDirectives {
    /// Reads one line of `Cache-Control`.
    pub(crate) fn read(&mut self, line: &[u8]) {
        let mut directives = Directives::of(line);
        loop {
            match directives.next() {
                Step::Directive(name, value) => self.apply(name, value),
                Step::End => return,
                Step::Malformed => {
                    self.no_store = true;
                    return;
                }
            }
        }
    }

    fn apply(&mut self, name: &[u8], value: Value<'_>) {
        if name.eq_ignore_ascii_case(b"no-cache") {
            self.no_cache = true;
        } else if name.eq_ignore_ascii_case(b"no-store") {
            self.no_store = true;
        } else if name.eq_ignore_ascii_case(b"max-age") {
            demand(
                &mut self.max_age,
                delta_seconds(value.text()),
                Duration::min,
            );
        } else if name.eq_ignore_ascii_case(b"only-if-cached") {
            self.only_if_cached = true;
        } else if name.eq_ignore_ascii_case(b"min-fresh") {
            demand(
                &mut self.min_fresh,
                delta_seconds(value.text()),
                Duration::max,
            );
        } else if name.eq_ignore_ascii_case(b"max-stale") {
            let stale = match value {
                Value::None => Some(LONGEST),
                given => delta_seconds(given.text()),
            };
            demand(&mut self.max_stale, stale, Duration::min);
        }
    }
}

fn demand(
    known: &mut Option<Duration>,
    given: Option<Duration>,
    stricter: fn(Duration, Duration) -> Duration,
) {
    *known = match (*known, given) {
        (Some(known), Some(given)) => Some(stricter(known, given)),
        (known, given) => given.or(known),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> RequestDirectives {
        let mut directives = RequestDirectives::default();
        directives.read(line.as_bytes());
        directives
    }

    fn seconds(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    #[test]
    fn all_of_them_are_read() {
        let expected = RequestDirectives {
            max_age: seconds(1),
            max_stale: seconds(2),
            min_fresh: seconds(3),
            no_cache: true,
            no_store: true,
            only_if_cached: true,
        };
        let line = "Max-Age=1, max-stale=2, min-fresh=\"3\", No-Cache, no-store, only-if-cached";
        assert_eq!(read(line), expected);
    }

    #[test]
    fn max_stale_without_a_number_takes_anything() {
        assert_eq!(read("max-stale").max_stale, Some(LONGEST));
        assert_eq!(read("max-stale, max-stale=5").max_stale, seconds(5));
    }

    #[test]
    fn of_duplicates_the_most_demanding_counts_and_no_number_says_nothing() {
        assert_eq!(read("max-age=5, max-age=9").max_age, seconds(5));
        assert_eq!(read("min-fresh=5, min-fresh=9").min_fresh, seconds(9));
        let nothing = read("max-age=x, min-fresh=-1, max-stale=1.5");
        assert_eq!(nothing, RequestDirectives::default());
    }
}
