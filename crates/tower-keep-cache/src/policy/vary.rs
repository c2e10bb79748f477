use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{self, VARY},
};
use sha2::{Digest, Sha256};

/// The request headers that an answer depends on, as its `Vary` names them (RFC 9110 section 12.5.5): sorted, each once,
/// without `Host`, which is in every key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Vary(Box<[HeaderName]>);

/// What one request says in the headers that an answer varies on: a digest, because they may hold what is nobody's
/// business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct VariantId(pub(crate) [u8; Self::LENGTH]);

impl VariantId {
    pub(crate) const LENGTH: usize = 16;
}

impl Vary {
    /// All lines of a response's `Vary`. `None`: it depends on more than a request's headers (`*`), or says what cannot
    /// be read, so that it matches no other request (RFC 9111 section 4.1).
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut names = Vec::new();
        for line in headers.get_all(VARY) {
            for name in line.as_bytes().split(|byte| *byte == b',') {
                let name = name.trim_ascii();
                if name.is_empty() || name.eq_ignore_ascii_case(b"host") {
                    continue;
                }
                // An asterisk is a token, too, and would pass for the name of a field.
                if name == b"*" {
                    return None;
                }
                names.push(HeaderName::from_bytes(name).ok()?);
            }
        }
        Some(Self::by(names))
    }

    /// These headers.
    pub(crate) fn by(mut names: Vec<HeaderName>) -> Self {
        names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        names.dedup();
        Self(names.into())
    }

    /// The answer is the same for every request.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These headers without those that `keyed` has, which tell requests apart already.
    pub(crate) fn beyond(mut self, keyed: &Self) -> Self {
        if !self.is_empty() && !keyed.is_empty() {
            let names = self.0.into_vec();
            let beyond = names.into_iter().filter(|name| !keyed.0.contains(name));
            self.0 = beyond.collect();
        }
        self
    }

    /// What a request says in these headers. Two requests that match (section 4.1) say the same; two that mean the same
    /// in other words may say the same.
    ///
    /// Headers that stay the same count the same however they are spread over lines, and wherever a list has blanks. In
    /// `Accept-Encoding` and `Accept-Language`, upper and lower case and the order of members are the same, too: the
    /// order means nothing there (RFC 9110 sections 12.4.2, 12.5.3 and 12.5.4).
    pub(crate) fn variant(&self, request: &HeaderMap) -> VariantId {
        let mut hasher = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        for name in &self.0 {
            part(name.as_str().as_bytes());
            let members = members(name, request);
            // A header that is not there is not one that is empty.
            let count = members
                .as_ref()
                .map_or(u64::MAX, |members| members.len() as u64);
            part(&count.to_le_bytes());
            members.iter().flatten().for_each(|member| part(member));
        }
        let digest = hasher.finalize();
        let mut id = [0; VariantId::LENGTH];
        id.copy_from_slice(&digest[..VariantId::LENGTH]);
        VariantId(id)
    }

    /// A `Vary` that says the same.
    pub(crate) fn to_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for name in &self.0 {
            headers.append(VARY, HeaderValue::from_name(name.clone()));
        }
        headers
    }
}

/// The members of a header's list, without what means nothing. `None`: the request does not have it.
fn members(name: &HeaderName, request: &HeaderMap) -> Option<Vec<Vec<u8>>> {
    let mut lines = request.get_all(name).iter().peekable();
    lines.peek()?;
    let mut members: Vec<_> = lines.flat_map(split).collect();
    if *name == header::ACCEPT_ENCODING || *name == header::ACCEPT_LANGUAGE {
        for member in &mut members {
            member.retain(|byte| !byte.is_ascii_whitespace());
            member.make_ascii_lowercase();
        }
        members.retain(|member| !member.is_empty());
        members.sort_unstable();
        members.dedup();
    }
    Some(members)
}

/// The members of one line, without the blanks around them. A comma between quotes parts nothing.
fn split(line: &HeaderValue) -> Vec<Vec<u8>> {
    let mut members = Vec::new();
    let mut member = Vec::new();
    let (mut quoted, mut escaped) = (false, false);
    for &byte in line.as_bytes() {
        if byte == b',' && !quoted {
            members.push(member.trim_ascii().to_vec());
            member.clear();
            continue;
        }
        quoted ^= byte == b'"' && !escaped;
        escaped = quoted && byte == b'\\' && !escaped;
        member.push(byte);
    }
    members.push(member.trim_ascii().to_vec());
    members
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let value = HeaderValue::from_str(value).unwrap();
            headers.append(HeaderName::from_static(name), value);
        }
        headers
    }

    fn vary(lines: &[&str]) -> Option<Vec<String>> {
        let lines: Vec<_> = lines.iter().map(|line| ("vary", *line)).collect();
        let names = Vary::of(&headers(&lines))?.0;
        Some(names.iter().map(|name| name.to_string()).collect())
    }

    fn same(name: &'static str, one: &[&str], other: &[&str]) -> bool {
        let vary = Vary::by(vec![HeaderName::from_static(name)]);
        let [one, other] = [one, other].map(|values| {
            let lines: Vec<_> = values.iter().map(|value| (name, *value)).collect();
            vary.variant(&headers(&lines))
        });
        one == other
    }

    #[test]
    fn names_are_read_from_all_lines_in_any_case_and_order() {
        assert_eq!(vary(&[]), Some(vec![]));
        assert_eq!(vary(&["", " , "]), Some(vec![]));
        assert_eq!(vary(&["Host"]), Some(vec![]));
        let expected = Some(vec!["accept".to_owned(), "x-a".to_owned()]);
        assert_eq!(vary(&["X-A, Accept", "accept,host"]), expected);
        assert_eq!(vary(&["accept", "x-a"]), expected);
    }

    #[test]
    fn an_asterisk_anywhere_matches_nothing() {
        for lines in [
            &["*"][..],
            &["*, *"],
            &[", *"],
            &["", "*"],
            &["*, foo"],
            &["foo, *"],
            &["foo", " *"],
        ] {
            assert_eq!(vary(lines), None, "{lines:?}");
        }
        assert_eq!(vary(&["a b"]), None);
        assert_eq!(vary(&["acc\u{e9}pt"]), None);
    }

    #[test]
    fn lines_and_blanks_make_no_difference() {
        assert!(same("foo", &["1, 2"], &["1", "2"]));
        assert!(same("foo", &["1,2"], &[" 1 ,\t2 "]));
        assert!(!same("foo", &["1, 2"], &["2, 1"]));
        assert!(!same("foo", &["1 2"], &["12"]));
        assert!(!same("foo", &["a"], &["A"]));
        assert!(!same("foo", &["\"1, 2\""], &["\"1,2\""]));
        assert!(!same("foo", &["12"], &["1", "2"]));
    }

    #[test]
    fn a_header_that_is_missing_is_not_an_empty_one() {
        assert!(same("foo", &[], &[]));
        assert!(!same("foo", &[], &[""]));
        assert!(!same("accept-encoding", &[], &[""]));
        assert!(!same("accept-encoding", &[], &["identity"]));
    }

    #[test]
    fn of_languages_and_encodings_neither_case_nor_order_nor_blanks_matter() {
        for name in ["accept-language", "accept-encoding"] {
            assert!(same(name, &["en, de;q=0.5"], &["DE; q=0.5 ,eN"]), "{name}");
            assert!(same(name, &["en, de"], &["de", " en ,, en"]), "{name}");
            assert!(!same(name, &["en, de;q=0.5"], &["en, de"]), "{name}");
        }
    }

    #[test]
    fn which_header_says_it_matters() {
        let vary = Vary::by(vec![
            HeaderName::from_static("a"),
            HeaderName::from_static("b"),
        ]);
        let variants = [
            &[("a", "1")][..],
            &[("b", "1")],
            &[("a", "1"), ("b", "1")],
            &[],
        ]
        .map(|lines| vary.variant(&headers(lines)));
        for (index, variant) in variants.iter().enumerate() {
            assert!(!variants[index + 1..].contains(variant));
        }
    }

    #[test]
    fn what_is_in_the_key_need_not_be_told_apart_again() {
        let names = |names: &[&'static str]| {
            Vary::by(
                names
                    .iter()
                    .map(|name| HeaderName::from_static(name))
                    .collect(),
            )
        };
        assert_eq!(
            names(&["a", "b"]).beyond(&names(&["b", "c"])),
            names(&["a"])
        );
        assert!(names(&["a"]).beyond(&names(&["a"])).is_empty());
    }

    proptest! {
        #[test]
        fn two_values_are_the_same_only_if_their_members_are(
            one in "[ab,\" \\\\]{0,8}",
            other in "[ab,\" \\\\]{0,8}",
        ) {
            if same("foo", &[&one], &[&other]) {
                let bare = |text: &str| text.replace(' ', "");
                prop_assert_eq!(bare(&one), bare(&other));
            }
        }

        #[test]
        fn order_of_encodings_never_matters(mut members in proptest::collection::vec("[a-z]{1,3}(;q=0\\.[0-9])?", 0..6)) {
            let given = members.join(", ");
            members.reverse();
            prop_assert!(same("accept-encoding", &[&given], &[&members.join(",")]));
        }
    }
}
