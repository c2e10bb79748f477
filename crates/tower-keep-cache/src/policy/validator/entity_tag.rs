use http::{HeaderMap, HeaderName};

/// An entity tag (RFC 9110 section 8.8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag<'a> {
    weak: bool,
    /// What stands between the quotes.
    opaque: &'a [u8],
}

/// How two entity tags are compared (RFC 9110 section 8.8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// Equal, byte for byte: both tags are the same, and neither is weak.
    Strong,
    /// As good as equal: the same text, whatever their strength.
    Weak,
}

impl<'a> EntityTag<'a> {
    /// The one tag that fills `text`.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        let (tag, rest) = Self::read(text.trim_ascii())?;
        rest.is_empty().then_some(tag)
    }

    pub(crate) fn is(self, other: EntityTag<'_>, by: Comparison) -> bool {
        let strong_enough = by == Comparison::Weak || !(self.weak || other.weak);
        strong_enough && self.opaque == other.opaque
    }

    pub(crate) const fn is_weak(self) -> bool {
        self.weak
    }

    /// The tag that `text` begins with, and what stands behind it.
    fn read(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        // Case-sensitive, says section 8.8.3.
        let (weak, quoted) = match text.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, text),
        };
        let opened = quoted.strip_prefix(b"\"")?;
        let end = opened.iter().position(|byte| *byte == b'"')?;
        let (opaque, closed) = opened.split_at(end);
        // There is no escaping; a control character, a blank or DEL cannot be part of one.
        let sound = opaque.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
        sound.then_some((Self { weak, opaque }, &closed[1..]))
    }
}

/// Whether a field that lists entity tags, perhaps in several lines, names `tag`; `None` if there is no such field.
///
/// `*` names whatever exists (RFC 9110 sections 13.1.1 and 13.1.2). What cannot be read names nothing: the client then
/// gets more than it needs, and no answer that is not true.
pub(crate) fn names(
    headers: &HeaderMap,
    field: &HeaderName,
    tag: Option<EntityTag<'_>>,
    by: Comparison,
) -> Option<bool> {
    let lines = headers.get_all(field);
    lines.iter().next()?;
    Some(lines.iter().any(|line| {
        let line = line.as_bytes().trim_ascii();
        line == b"*" || tag.is_some_and(|tag| listed(line).any(|named| named.is(tag, by)))
    }))
}

/// The tags of one line, as far as it can be read.
fn listed(mut line: &[u8]) -> impl Iterator<Item = EntityTag<'_>> {
    std::iter::from_fn(move || {
        // A recipient reads empty elements and passes over them (RFC 9110 section 5.6.1.2).
        while let Some((b',' | b' ' | b'\t', rest)) = line.split_first() {
            line = rest;
        }
        let (tag, rest) = EntityTag::read(line)?;
        let rest = rest.trim_ascii_start();
        line = if rest.is_empty() || rest.starts_with(b",") {
            rest
        } else {
            b""
        };
        Some(tag)
    })
}

#[cfg(test)]
mod tests {
    use http::{
        HeaderValue,
        header::{ETAG, IF_NONE_MATCH},
    };
    use proptest::prelude::*;

    use super::*;

    fn tag(text: &str) -> Option<EntityTag<'_>> {
        EntityTag::parse(text.as_bytes())
    }

    fn named(lines: &[&str], text: &str, by: Comparison) -> Option<bool> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(IF_NONE_MATCH, HeaderValue::from_str(line).unwrap());
        }
        names(&headers, &IF_NONE_MATCH, tag(text), by)
    }

    /// The table of RFC 9110 section 8.8.3.2.
    #[test]
    fn a_strong_comparison_wants_two_strong_tags_and_a_weak_one_only_their_text() {
        let cases = [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
        ];
        for (one, other, strong, weak) in cases {
            let (one, other) = (tag(one).unwrap(), tag(other).unwrap());
            assert_eq!(
                one.is(other, Comparison::Strong),
                strong,
                "{one:?} {other:?}"
            );
            assert_eq!(one.is(other, Comparison::Weak), weak, "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_tag_stands_in_quotes() {
        for text in ["\"\"", "\"a,b\"", "W/\"xyzzy\"", " \"a\\\" "] {
            assert!(tag(text).is_some(), "{text}");
        }
        for text in [
            "",
            "a",
            "\"",
            "\"a",
            "w/\"a\"",
            "W/a",
            "\"a b\"",
            "\"a\"b",
            "\"a\" \"b\"",
            "*",
        ] {
            assert!(tag(text).is_none(), "{text}");
        }
        assert!(EntityTag::parse(b"\"\xe4\"").is_some(), "obs-text");
    }

    #[test]
    fn a_list_may_have_several_lines_and_empty_elements() {
        for lines in [
            &["\"a\""][..],
            &["\"b\", \"a\""],
            &["\"b\"", "W/\"c\",\"a\""],
            &[", ,\"b\" ,\t\"a\","],
            &["\"x,\\\",\"a\""],
            &["*"],
            &["\"a\" rubbish"],
        ] {
            assert_eq!(
                named(lines, "\"a\"", Comparison::Strong),
                Some(true),
                "{lines:?}"
            );
        }
        for lines in [
            &[""][..],
            &["a"],
            &["W/\"a\""],
            &["\"b\""],
            &["\"b\" \"a\""],
            &["*, \"b\""],
            &["\"b, \"a\""],
        ] {
            assert_eq!(
                named(lines, "\"a\"", Comparison::Strong),
                Some(false),
                "{lines:?}"
            );
        }
        assert_eq!(named(&[], "\"a\"", Comparison::Weak), None);
        assert_eq!(named(&["W/\"a\""], "\"a\"", Comparison::Weak), Some(true));
    }

    #[test]
    fn what_has_no_tag_is_named_by_a_star_alone() {
        assert_eq!(named(&["\"a\""], "", Comparison::Weak), Some(false));
        assert_eq!(named(&["*"], "", Comparison::Weak), Some(true));
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = EntityTag::parse(&line);
            let _ = listed(&line).count();
        }

        #[test]
        fn every_tag_of_a_list_is_found(
            tags in proptest::collection::vec(("(W/)?", "[!#-~]{0,12}"), 1..8),
            wanted in any::<prop::sample::Index>(),
            separator in "( |,)*,( |,)*",
        ) {
            let tags: Vec<_> = tags.iter().map(|(weak, opaque)| format!("{weak}\"{opaque}\"")).collect();
            let mut headers = HeaderMap::new();
            headers.insert(ETAG, HeaderValue::from_str(&tags.join(&separator)).unwrap());
            let wanted = EntityTag::parse(tags[wanted.index(tags.len())].as_bytes());
            prop_assert_eq!(names(&headers, &ETAG, wanted, Comparison::Weak), Some(true));
        }
    }
}
