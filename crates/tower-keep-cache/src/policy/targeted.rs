use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::{
    LONGEST, ResponseDirectives,
    structured::{Item, Member, dictionary, joined},
};

/// Caches of this kind stand in front of the origin, as those of a content delivery network do.
const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// What `CDN-Cache-Control` says, which then counts instead of `Cache-Control` and `Expires` (RFC 9213 section 2.2).
///
/// `None` if the field is not there, is empty, is no structured field, or gives a time that is no integer or a list of
/// fields that is none: then the others count as if it was not there (section 2.1).
pub(crate) fn targeted(headers: &HeaderMap) -> Option<ResponseDirectives> {
    let members = dictionary(&joined(headers, &CDN_CACHE_CONTROL)?)?;
    if members.is_empty() {
        return None;
    }
    let mut directives = ResponseDirectives::default();
    for (name, member) in members {
        apply(&mut directives, &name, &member)?;
    }
    Some(directives)
}

fn apply(directives: &mut ResponseDirectives, name: &str, member: &Member) -> Option<()> {
    match name {
        "max-age" => directives.max_age = Some(seconds(member)?),
        "must-revalidate" => directives.must_revalidate = is_set(member),
        "must-understand" => directives.must_understand = is_set(member),
        "no-cache" => directives.no_cache = is_whole(directives, member),
        "no-store" => directives.no_store = is_set(member),
        "private" => directives.private = is_whole(directives, member),
        "proxy-revalidate" => directives.proxy_revalidate = is_set(member),
        "public" => directives.public = *member == Member::Item(Item::Boolean(true)),
        "s-maxage" => directives.s_maxage = Some(seconds(member)?),
        "stale-if-error" => directives.stale_if_error = Some(seconds(member)?),
        "stale-while-revalidate" => directives.stale_while_revalidate = Some(seconds(member)?),
        _ => {}
    }
    Some(())
}

fn seconds(member: &Member) -> Option<Duration> {
    let Member::Item(Item::Integer(seconds)) = member else {
        return None;
    };
    let seconds = u64::try_from(*seconds).unwrap_or(0);
    Some(Duration::from_secs(seconds).min(LONGEST))
}

/// A restriction with a value that it should not have is still one; only "no" says that it is none.
fn is_set(member: &Member) -> bool {
    *member != Member::Item(Item::Boolean(false))
}

/// Whether the restriction is about the whole response, and not about the fields that it names.
fn is_whole(directives: &mut ResponseDirectives, member: &Member) -> bool {
    match member {
        Member::Item(Item::String(fields)) => !directives.withhold(fields.as_bytes()),
        member => is_set(member),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(lines: &[&str]) -> Option<ResponseDirectives> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CDN_CACHE_CONTROL, HeaderValue::from_str(line).unwrap());
        }
        targeted(&headers)
    }

    fn max_age(lines: &[&str]) -> Option<u64> {
        Some(read(lines)?.max_age?.as_secs())
    }

    #[test]
    fn directives_are_members_of_a_dictionary() {
        let given = read(&[
            "max-age=60;x, public, foo=\"bar\"",
            "no-cache=\"a, b\", private",
        ]);
        let expected = ResponseDirectives {
            max_age: Some(Duration::from_secs(60)),
            public: true,
            private: true,
            withheld: ["a", "b"].map(HeaderName::from_static).into(),
            ..ResponseDirectives::default()
        };
        assert_eq!(given, Some(expected));
        assert!(!read(&["no-store=?0"]).unwrap().no_store);
        assert!(read(&["no-store=1"]).unwrap().no_store);
        assert!(read(&["private=\"\""]).unwrap().private);
    }

    #[test]
    fn a_number_is_never_too_great_and_never_negative() {
        assert_eq!(max_age(&["max-age=99999999999"]), Some(LONGEST.as_secs()));
        assert_eq!(max_age(&["max-age=-5"]), Some(0));
    }

    #[test]
    fn a_field_that_cannot_be_read_says_nothing() {
        for line in [
            "",
            "max-age=10000, &&&&&",
            "max-age=\"10000\"",
            "max-age =100",
            "max-age= 100",
            "MaX-aGe=3600",
            "max-age=1.5",
            "max-age",
        ] {
            assert_eq!(read(&[line]), None, "{line}");
        }
        assert_eq!(read(&[]), None);
    }
}
