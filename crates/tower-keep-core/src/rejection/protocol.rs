use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

/// In which protocol a request wants its answer, by its `content-type`.
///
/// gRPC is `application/grpc`, alone or with a suffix
/// ([gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests)), and
/// gRPC-Web `application/grpc-web` and `application/grpc-web-text`
/// ([PROTOCOL-WEB](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md)). Everything else is plain HTTP.
///
/// A layer takes it off the request before it hands the request on.
///
/// ```
/// use http::HeaderMap;
/// use tower_keep_core::Protocol;
///
/// let mut headers = HeaderMap::new();
/// assert!(!Protocol::of(&headers).is_grpc());
///
/// headers.insert("content-type", "application/grpc+proto".parse()?);
/// assert!(Protocol::of(&headers).is_grpc());
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Protocol(Kind);

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Http,
    /// With the request's content type, which is that of the answer too.
    Grpc(HeaderValue),
}

impl Protocol {
    /// The protocol of a request with these headers.
    pub fn of(headers: &HeaderMap) -> Self {
        match headers.get(CONTENT_TYPE) {
            Some(value) if is_grpc(value.as_bytes()) => Self(Kind::Grpc(value.clone())),
            _ => Self(Kind::Http),
        }
    }

    /// Plain HTTP, whatever the request says.
    pub fn http() -> Self {
        Self(Kind::Http)
    }

    /// Whether it is gRPC or gRPC-Web.
    pub fn is_grpc(&self) -> bool {
        matches!(self.0, Kind::Grpc(_))
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.0
    }
}

fn is_grpc(content_type: &[u8]) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    let Some((start, suffix)) = content_type.split_at_checked(GRPC.len()) else {
        return false;
    };
    // Media types are case-insensitive: RFC 9110 §8.3.1.
    start.eq_ignore_ascii_case(GRPC)
        && (ends_type(suffix)
            || [b"-web".as_slice(), b"-web-text"].into_iter().any(|web| {
                suffix
                    .split_at_checked(web.len())
                    .is_some_and(|(name, rest)| name.eq_ignore_ascii_case(web) && ends_type(rest))
            }))
}

/// Nothing more, a message format (`+proto`) or a parameter.
fn ends_type(rest: &[u8]) -> bool {
    matches!(rest.first(), None | Some(b'+' | b';' | b' ' | b'\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(content_type: &str) -> Protocol {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        Protocol::of(&headers)
    }

    #[test]
    fn grpc_and_grpc_web_are_known_by_their_content_type() {
        for content_type in [
            "application/grpc",
            "application/grpc+proto",
            "application/grpc+json",
            "application/grpc;charset=utf-8",
            "Application/GRPC",
            "application/grpc-web",
            "application/grpc-web+proto",
            "application/grpc-web-text",
            "application/grpc-web-text+proto",
        ] {
            assert!(of(content_type).is_grpc(), "{content_type}");
        }
    }

    #[test]
    fn what_only_looks_like_grpc_is_http() {
        for content_type in [
            "application/grpcish",
            "application/grpc-webish",
            "application/json",
            "text/plain; application/grpc",
            "",
        ] {
            assert_eq!(of(content_type), Protocol::http(), "{content_type}");
        }
        assert_eq!(Protocol::of(&HeaderMap::new()), Protocol::http());
    }
}
