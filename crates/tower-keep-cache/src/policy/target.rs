use std::{borrow::Cow, ptr};

use http::{HeaderValue, Uri};

use super::{Bypass, Query};

/// What of the request line tells one resource from another: the scheme if it is said (HTTP/2 does), the host in lower
/// case, and path and query as they came, from the client and here.
///
/// Nothing is decoded, nor sorted unless the route says so: two spellings of one resource cost a second entry, while one entry for two resources
/// would be a leak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) host: Cow<'a, [u8]>,
    pub(crate) path_and_query: Cow<'a, str>,
    /// Path and query as they have come here, if that is not as they were sent. A router that cuts off a prefix leaves
    /// what the sent ones say anyway; a layer that chooses a page by the client's language does not.
    pub(crate) rewritten: Cow<'a, str>,
}

impl<'a> Target<'a> {
    /// `sent` is what the client sent, before a router has cut a prefix off, `here` what has arrived; `host` the
    /// `Host` field.
    pub(crate) fn of(
        sent: &'a Uri,
        here: &'a Uri,
        host: Option<&'a HeaderValue>,
        query: &Query,
    ) -> Result<Self, Bypass> {
        let path_and_query = path_and_query(sent);
        let arrived = self::path_and_query(here);
        let is_rewritten = !ptr::eq(sent, here) && arrived != path_and_query;
        Ok(Self {
            scheme: sent.scheme_str().unwrap_or_default(),
            host: host_of(sent, host)?,
            path_and_query: query.key(path_and_query),
            rewritten: match is_rewritten {
                true => query.key(arrived),
                false => Cow::Borrowed(""),
            },
        })
    }
}

fn path_and_query(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |given| given.as_str())
}

/// The authority of the request line (always there in HTTP/2), else `Host`. Where both are given they must agree:
/// a handler that builds links from `Host` would otherwise write the sender's host into everybody's entry.
fn host_of<'a>(uri: &'a Uri, host: Option<&'a HeaderValue>) -> Result<Cow<'a, [u8]>, Bypass> {
    let authority = uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    match (authority, host.map(HeaderValue::as_bytes)) {
        (Some(authority), Some(field)) if !authority.eq_ignore_ascii_case(field) => {
            Err(Bypass::Host)
        }
        (authority, field) => {
            in_lower_case(authority.or(field).unwrap_or_default()).ok_or(Bypass::Host)
        }
    }
}

/// `None` if it is not ASCII. A host that is in lower case already, as nearly all are, is walked once.
fn in_lower_case(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let is_lower = |byte: &u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    if text.iter().all(is_lower) {
        return Some(Cow::Borrowed(text));
    }
    text.is_ascii()
        .then(|| Cow::Owned(text.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uri: &'static str, host: Option<&'static str>) -> Result<(String, String), Bypass> {
        let (uri, host) = (Uri::from_static(uri), host.map(HeaderValue::from_static));
        let target = Target::of(&uri, &uri, host.as_ref(), &Query::AsSent)?;
        assert_eq!(target.rewritten, "");
        let host = String::from_utf8(target.host.into_owned()).unwrap();
        Ok((host, target.path_and_query.into_owned()))
    }

    #[test]
    fn host_is_the_authority_or_the_header_in_lower_case() {
        let expected = Ok(("shop.example:80".to_owned(), "/a?b".to_owned()));
        assert_eq!(target("/a?b", Some("Shop.Example:80")), expected);
        assert_eq!(target("http://shop.example:80/a?b", None), expected);
        assert_eq!(
            target("http://shop.example:80/a?b", Some("SHOP.example:80")),
            expected
        );
        assert_eq!(target("/a", None), Ok((String::new(), "/a".to_owned())));
    }

    #[test]
    fn a_path_that_has_arrived_otherwise_than_it_was_sent_counts_too() {
        let (sent, here) = (
            Uri::from_static("https://shop.example/about?x"),
            Uri::from_static("/en/about?x"),
        );
        let target = Target::of(&sent, &here, None, &Query::AsSent).unwrap();
        assert_eq!(
            (target.scheme, &*target.path_and_query, &*target.rewritten),
            ("https", "/about?x", "/en/about?x")
        );
    }

    #[test]
    fn hosts_that_disagree_bypass() {
        assert_eq!(
            target("http://shop.example/", Some("evil.example")),
            Err(Bypass::Host)
        );
    }

    #[test]
    fn path_and_query_stay_as_they_came() {
        for uri in [
            "/a%2Fb",
            "/a/b",
            "/A/b",
            "/a/b?",
            "/a/b?y=1&x=2",
            "/a/b?x=2&y=1",
            "/a//b",
            "/a/./b",
        ] {
            assert_eq!(target(uri, None).unwrap().1, uri);
        }
    }
}
