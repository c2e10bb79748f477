/// One of the ranges that are asked for, before anybody knows how long the representation is (RFC 9110 section 14.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Specifier {
    /// From this byte on, up to that one if there is a second.
    From(u64, Option<u64>),
    /// The last so many bytes.
    Last(u64),
}

/// The ranges of a `Range` field, if it can be read and counts bytes.
///
/// What is of another unit, or wrong in any place, counts as not asked for (section 14.2).
pub(super) fn specifiers(field: &[u8]) -> Option<impl Iterator<Item = Specifier> + Clone + '_> {
    let (unit, set) = field.split_at(field.iter().position(|byte| *byte == b'=')?);
    if !unit.trim_ascii().eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let elements = set[1..]
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty());
    let sound = elements.clone().all(|element| specifier(element).is_some());
    let any = elements.clone().next().is_some();
    (sound && any).then(|| elements.filter_map(specifier))
}

fn specifier(element: &[u8]) -> Option<Specifier> {
    let dash = element.iter().position(|byte| *byte == b'-')?;
    let (first, last) = (&element[..dash], &element[dash + 1..]);
    match (first.is_empty(), last.is_empty()) {
        (true, _) => Some(Specifier::Last(number(last)?)),
        (false, true) => Some(Specifier::From(number(first)?, None)),
        (false, false) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Specifier::From(first, Some(last)))
        }
    }
}

/// Digits, and at least one. More than fits is more than there is.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, byte| {
        byte.is_ascii_digit().then(|| {
            sum.saturating_mul(10)
                .saturating_add(u64::from(byte - b'0'))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(field: &str) -> Option<Vec<Specifier>> {
        specifiers(field.as_bytes()).map(Iterator::collect)
    }

    #[test]
    fn ranges_are_read() {
        use Specifier::{From, Last};
        assert_eq!(read("bytes=0-499"), Some(vec![From(0, Some(499))]));
        assert_eq!(read("Bytes=500-"), Some(vec![From(500, None)]));
        assert_eq!(
            read("bytes= 0-0,\t-1 ,, 5-7"),
            Some(vec![From(0, Some(0)), Last(1), From(5, Some(7))])
        );
        let huge = "bytes=0-99999999999999999999999";
        assert_eq!(read(huge), Some(vec![From(0, Some(u64::MAX))]));
    }

    #[test]
    fn what_is_wrong_in_any_place_was_not_asked_for() {
        for field in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "items=0-1",
            "bytes=1-0",
            "bytes=-",
            "bytes=a-b",
            "bytes=0-1;2-3",
            "bytes=0-1,x",
            "bytes=--1",
            "bytes=+1-2",
            "bytes=0 - 1",
            "bytes=1",
        ] {
            assert_eq!(read(field), None, "{field}");
        }
    }
}
