use std::ops::Range;

use http::{HeaderMap, header::RANGE};

use super::specifier::{Specifier, specifiers};

/// Bytes of a representation, from the first to before the second.
pub(crate) type Span = Range<u64>;

/// What a client gets that has asked for ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All of it, as if nothing had been said.
    Whole,
    /// One part: 206.
    Part(Span),
    /// Several, in the order in which they were asked for: 206 with a body of several parts.
    Parts(Vec<Span>),
    /// Nothing that exists: 416.
    Unsatisfiable,
}

/// The most parts that one answer has. A reader that jumps about in a document asks for a handful.
const MAX_PARTS: usize = 32;

/// What of a representation of `length` bytes is asked for.
///
/// A client must not get more than there is by asking for the same bytes many times, each time with a head of its own
/// (RFC 9110 section 17.15): parts that are longer together than the whole, or more than 32, get the whole
/// (section 14.2 leaves that to the server). So does every range of nothing, since `Content-Range` cannot
/// say it.
pub(crate) fn select(asked: &HeaderMap, length: u64) -> Selection {
    let mut lines = asked.get_all(RANGE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Selection::Whole;
    };
    let Some(specifiers) = specifiers(line.as_bytes()) else {
        return Selection::Whole;
    };
    if length == 0 || specifiers.clone().nth(MAX_PARTS).is_some() {
        return Selection::Whole;
    }
    let mut spans: Vec<_> = specifiers.filter_map(|one| span(one, length)).collect();
    let together = spans
        .iter()
        .fold(0_u64, |sum, span| sum.saturating_add(span.end - span.start));
    match spans.len() {
        0 => Selection::Unsatisfiable,
        1 => Selection::Part(spans.swap_remove(0)),
        _ if together > length => Selection::Whole,
        _ => Selection::Parts(spans),
    }
}

/// Section 14.1.2: what reaches beyond the end stops there; what begins there is not satisfiable.
fn span(specifier: Specifier, length: u64) -> Option<Span> {
    let span = match specifier {
        Specifier::From(first, last) => {
            let end = last.map_or(length, |last| last.saturating_add(1).min(length));
            first..end
        }
        Specifier::Last(count) => length.saturating_sub(count)..length,
    };
    (span.start < span.end).then_some(span)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn of(length: u64, field: &str) -> Selection {
        let mut asked = HeaderMap::new();
        asked.insert(RANGE, HeaderValue::from_str(field).unwrap());
        select(&asked, length)
    }

    #[test]
    fn one_range_is_one_part() {
        for (field, part) in [
            ("bytes=0-499", 0..500),
            ("bytes=9500-", 9500..10_000),
            ("bytes=-500", 9500..10_000),
            ("bytes=0-0", 0..1),
            ("bytes=9999-20000", 9999..10_000),
            ("bytes=-20000", 0..10_000),
            ("bytes=10000-,-1", 9999..10_000),
        ] {
            assert_eq!(of(10_000, field), Selection::Part(part), "{field}");
        }
    }

    #[test]
    fn several_ranges_are_several_parts_in_their_order() {
        assert_eq!(
            of(10_000, "bytes=-1,0-0"),
            Selection::Parts(vec![9999..10_000, 0..1])
        );
    }

    #[test]
    fn a_range_of_what_is_not_there_cannot_be_satisfied() {
        for field in ["bytes=10000-", "bytes=10000-10001,20000-", "bytes=-0"] {
            assert_eq!(of(10_000, field), Selection::Unsatisfiable, "{field}");
        }
    }

    #[test]
    fn asking_for_the_same_bytes_many_times_gets_them_once() {
        let many = |range: &str, times| format!("bytes={}", vec![range; times].join(","));
        assert_eq!(of(1000, &many("0-", 2)), Selection::Whole);
        assert_eq!(of(1000, &many("0-", 10_000)), Selection::Whole);
        assert_eq!(of(1000, &many("0-0", MAX_PARTS + 1)), Selection::Whole);
        assert!(matches!(
            of(1000, &many("0-0", MAX_PARTS)),
            Selection::Parts(_)
        ));
    }

    #[test]
    fn nothing_and_what_was_asked_twice_have_no_parts() {
        assert_eq!(of(0, "bytes=0-"), Selection::Whole);
        let mut asked = HeaderMap::new();
        asked.append(RANGE, HeaderValue::from_static("bytes=0-1"));
        asked.append(RANGE, HeaderValue::from_static("bytes=2-3"));
        assert_eq!(select(&asked, 10), Selection::Whole);
    }

    proptest! {
        #[test]
        fn parts_lie_inside_and_are_never_more_than_the_whole(
            length in 0..2000_u64,
            field in prop_oneof![
                "bytes=(([0-9]{1,4}-[0-9]{0,4}|-[0-9]{1,4}),){0,40}[0-9]{1,4}-",
                "[ -~]{0,60}",
            ],
        ) {
            let spans = match of(length, &field) {
                Selection::Whole | Selection::Unsatisfiable => Vec::new(),
                Selection::Part(span) => vec![span],
                Selection::Parts(spans) => spans,
            };
            prop_assert!(spans.iter().all(|span| span.start < span.end && span.end <= length));
            prop_assert!(spans.iter().map(|span| span.end - span.start).sum::<u64>() <= length);
        }
    }
}
