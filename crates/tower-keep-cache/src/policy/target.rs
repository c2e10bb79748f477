use std::borrow::Cow;

use http::{HeaderValue, Uri};

use super::Bypass;

/// What of the request line tells one resource from another: the host in lower case, and path and query as they came.
///
/// Nothing is decoded or sorted: two spellings of one resource cost a second entry, while one entry for two resources
/// would be a leak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    pub(crate) host: Cow<'a, [u8]>,
    pub(crate) path_and_query: &'a str,
}

impl<'a> Target<'a> {
    /// `uri` is the one that the client sent, before a router has cut a prefix off; `host` its `Host` field.
    pub(crate) fn of(uri: &'a Uri, host: Option<&'a HeaderValue>) -> Result<Self, Bypass> {
        let path_and_query = uri.path_and_query().map_or("/", |given| given.as_str());
        Ok(Self {
            host: host_of(uri, host)?,
            path_and_query,
        })
    }
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
            let host = authority.or(field).unwrap_or_default();
            if host.is_ascii() {
                Ok(lower_case(host))
            } else {
                Err(Bypass::Host)
            }
        }
    }
}

fn lower_case(text: &[u8]) -> Cow<'_, [u8]> {
    if text.iter().any(u8::is_ascii_uppercase) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uri: &'static str, host: Option<&'static str>) -> Result<(String, String), Bypass> {
        let (uri, host) = (Uri::from_static(uri), host.map(HeaderValue::from_static));
        let target = Target::of(&uri, host.as_ref())?;
        let host = String::from_utf8(target.host.into_owned()).unwrap();
        Ok((host, target.path_and_query.to_owned()))
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
