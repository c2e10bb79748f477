use http::{HeaderMap, HeaderValue, Method, header};

use super::RequestDirectives;

/// What the decision needs to know beside the message itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Circumstances {
    /// The body ends before it begins.
    pub(crate) body_is_empty: bool,
    /// Cookies cannot change the answer: the route says so, or our session layer reports what they did.
    pub(crate) cookies_answered_for: bool,
    /// Somebody has said who this request is.
    pub(crate) identified: bool,
    /// What the client asks of caches is not asked of this one.
    pub(crate) ignores_directives: bool,
    /// Who this request is becomes part of its key.
    pub(crate) identity_in_key: bool,
    /// Its session has been read or changed already: what the handler answers will not be stored.
    pub(crate) session_touched: bool,
    /// Responses say themselves whether they are for everybody (RFC 9111 section 3.5), and whether cookies matter.
    pub(crate) strict: bool,
}

/// A request that may be answered from the cache and may fill it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cacheable<'a> {
    /// It has credentials, and nothing in its key tells their owners apart.
    pub(crate) authorized: bool,
    /// The client asks for a part, or says which one it means or has (RFC 9110 sections 13 and 14).
    pub(crate) conditional: bool,
    /// It has cookies, and nobody answers for them.
    pub(crate) cookies: bool,
    /// The `Host` field, of which there is one at most.
    pub(crate) host: Option<&'a HeaderValue>,
    /// What the client asks of caches.
    pub(crate) directives: RequestDirectives,
}

/// Why the cache has no part in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bypass {
    /// Not GET or HEAD.
    Method,
    /// A body, which is no part of the key ("fat GET").
    Body,
    /// Credentials, and nothing in the key that tells their owners apart (RFC 9111 section 3.5).
    Authorization,
    /// Somebody, and nothing in the key that says who.
    Identity,
    /// Cookies, and nobody who answers for them.
    Cookie,
    /// A session that was read or changed before the request came here.
    Session,
    /// The connection is to speak another protocol.
    Upgrade,
    /// gRPC: its streams pass untouched.
    Grpc,
    /// Two names of one host, or several: what the handler believes may not be what the key says.
    Host,
    /// The client wants nothing stored.
    NoStore,
    /// A tag of the route names a path parameter that this request does not have.
    Tag,
}

impl Bypass {
    /// In the order of their declaration.
    pub(crate) const ALL: [Self; 11] = [
        Self::Method,
        Self::Body,
        Self::Authorization,
        Self::Identity,
        Self::Cookie,
        Self::Session,
        Self::Upgrade,
        Self::Grpc,
        Self::Host,
        Self::NoStore,
        Self::Tag,
    ];

    /// For metric labels.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Body => "body",
            Self::Authorization => "authorization",
            Self::Identity => "identity",
            Self::Cookie => "cookie",
            Self::Session => "session",
            Self::Upgrade => "upgrade",
            Self::Grpc => "grpc",
            Self::Host => "host",
            Self::NoStore => "no_store",
            Self::Tag => "tag",
        }
    }
}

/// Whether the cache has to do with requests of this method: asked first, before a write pays for anything else.
pub(crate) fn may_be_cached(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

/// Decides from a GET or HEAD alone whether the cache has a part in it: one walk over the headers.
pub(crate) fn eligible(headers: &HeaderMap, about: Circumstances) -> Result<Cacheable<'_>, Bypass> {
    if about.identified && !about.identity_in_key {
        return Err(Bypass::Identity);
    }
    if about.session_touched {
        return Err(Bypass::Session);
    }
    let mut directives = RequestDirectives::default();
    let (mut host, mut authorized) = (None, false);
    let (mut conditional, mut cookies) = (false, false);
    for (name, value) in headers {
        // By text: its length alone rules nearly every name out.
        match name.as_str() {
            "host" if host.is_some() => return Err(Bypass::Host),
            "host" => host = Some(value),
            "cache-control" if about.ignores_directives => {}
            "cache-control" => directives.read(value.as_bytes()),
            "cookie" if about.cookies_answered_for => {}
            "cookie" if about.strict => cookies = true,
            "cookie" => return Err(Bypass::Cookie),
            "authorization" if about.identity_in_key => {}
            "authorization" if about.strict => authorized = true,
            "authorization" => return Err(Bypass::Authorization),
            "range"
            | "if-match"
            | "if-modified-since"
            | "if-none-match"
            | "if-unmodified-since" => {
                conditional = true;
            }
            "content-length" if value != "0" => return Err(Bypass::Body),
            "transfer-encoding" => return Err(Bypass::Body),
            "upgrade" => return Err(Bypass::Upgrade),
            "content-type" if names_grpc(value.as_bytes()) => return Err(Bypass::Grpc),
            _ => {}
        }
    }
    if !about.body_is_empty {
        return Err(Bypass::Body);
    }
    if directives.no_store {
        return Err(Bypass::NoStore);
    }
    Ok(Cacheable {
        authorized,
        conditional,
        cookies,
        directives,
        host,
    })
}

pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    content_type.is_some_and(|given| names_grpc(given.as_bytes()))
}

fn names_grpc(content_type: &[u8]) -> bool {
    content_type
        .get(..16)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"application/grpc"))
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    const PLAIN: Circumstances = Circumstances {
        body_is_empty: true,
        cookies_answered_for: false,
        identified: false,
        identity_in_key: false,
        ignores_directives: false,
        session_touched: false,
        strict: false,
    };

    fn decide(
        method: &Method,
        headers: &[(HeaderName, &'static str)],
        about: Circumstances,
    ) -> Result<bool, Bypass> {
        if !may_be_cached(method) {
            return Err(Bypass::Method);
        }
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        eligible(&headers, about).map(|cacheable| cacheable.directives.only_if_cached)
    }

    #[test]
    fn a_plain_get_or_head_may_be_cached() {
        let browser = [
            (header::HOST, "shop.example"),
            (header::ACCEPT, "text/html"),
            (header::ACCEPT_ENCODING, "gzip, br"),
            (header::IF_NONE_MATCH, "\"1\""),
            (header::CONTENT_LENGTH, "0"),
        ];
        for method in [Method::GET, Method::HEAD] {
            assert_eq!(decide(&method, &browser, PLAIN), Ok(false));
        }
    }

    #[test]
    fn the_host_is_handed_on_and_there_is_one() {
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, HeaderValue::from_static("shop.example"));
        let cacheable = eligible(&headers, PLAIN).unwrap();
        assert_eq!(cacheable.host.unwrap(), "shop.example");
        headers.append(header::HOST, HeaderValue::from_static("evil.example"));
        assert_eq!(eligible(&headers, PLAIN), Err(Bypass::Host));
    }

    #[test]
    fn other_methods_pass() {
        for method in [
            Method::POST,
            Method::PUT,
            Method::OPTIONS,
            Method::from_bytes(b"get").unwrap(),
        ] {
            assert_eq!(decide(&method, &[], PLAIN), Err(Bypass::Method));
        }
    }

    #[test]
    fn a_condition_and_a_range_are_for_the_answer_to_meet() {
        for (name, value) in [
            (header::RANGE, "bytes=0-1"),
            (header::IF_MATCH, "\"1\""),
            (header::IF_NONE_MATCH, "\"1\""),
            (header::IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (header::IF_UNMODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:37 GMT"),
        ] {
            let mut headers = HeaderMap::new();
            assert!(!eligible(&headers, PLAIN).unwrap().conditional);
            headers.insert(name, HeaderValue::from_static(value));
            assert!(eligible(&headers, PLAIN).unwrap().conditional);
        }
    }

    #[test]
    fn what_the_key_does_not_say_bypasses() {
        let cases = [
            (header::AUTHORIZATION, "Bearer x", Bypass::Authorization),
            (header::COOKIE, "a=b", Bypass::Cookie),
            (header::CONTENT_LENGTH, "1", Bypass::Body),
            (header::CONTENT_LENGTH, "00", Bypass::Body),
            (header::TRANSFER_ENCODING, "chunked", Bypass::Body),
            (header::UPGRADE, "websocket", Bypass::Upgrade),
            (header::CONTENT_TYPE, "application/grpc+proto", Bypass::Grpc),
            (header::CACHE_CONTROL, "No-Store", Bypass::NoStore),
        ];
        for (name, value, bypass) in cases {
            assert_eq!(
                decide(&Method::GET, &[(name.clone(), value)], PLAIN),
                Err(bypass),
                "{name}: {value}"
            );
        }
        assert_eq!(
            decide(
                &Method::GET,
                &[],
                Circumstances {
                    body_is_empty: false,
                    ..PLAIN
                }
            ),
            Err(Bypass::Body)
        );
    }

    #[test]
    fn credentials_need_an_identity_in_the_key() {
        let keyed = Circumstances {
            identified: true,
            identity_in_key: true,
            ..PLAIN
        };
        let credentials = [(header::AUTHORIZATION, "Bearer x")];
        assert!(decide(&Method::GET, &credentials, keyed).is_ok());
        assert_eq!(
            decide(
                &Method::GET,
                &[],
                Circumstances {
                    identified: true,
                    ..PLAIN
                }
            ),
            Err(Bypass::Identity)
        );
    }

    #[test]
    fn in_the_strict_profile_responses_say_what_is_for_everybody() {
        let strict = Circumstances {
            strict: true,
            ..PLAIN
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("a=b"));
        let cacheable = eligible(&headers, strict).unwrap();
        assert!(cacheable.cookies && !cacheable.authorized);
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer x"));
        assert!(eligible(&headers, strict).unwrap().authorized);
        let keyed = Circumstances {
            identity_in_key: true,
            ..strict
        };
        assert!(!eligible(&headers, keyed).unwrap().authorized);
    }

    #[test]
    fn what_clients_ask_of_caches_can_be_ignored() {
        let deaf = Circumstances {
            ignores_directives: true,
            ..PLAIN
        };
        for wish in ["no-store", "no-cache", "only-if-cached"] {
            let asks = [(header::CACHE_CONTROL, wish)];
            assert_eq!(decide(&Method::GET, &asks, deaf), Ok(false), "{wish}");
        }
    }

    #[test]
    fn an_identity_does_not_answer_for_cookies() {
        let keyed = Circumstances {
            identified: true,
            identity_in_key: true,
            ..PLAIN
        };
        let cookies = [(header::COOKIE, "a=b")];
        assert_eq!(decide(&Method::GET, &cookies, keyed), Err(Bypass::Cookie));
        assert!(
            decide(
                &Method::GET,
                &cookies,
                Circumstances {
                    cookies_answered_for: true,
                    ..PLAIN
                }
            )
            .is_ok()
        );
    }

    #[test]
    fn a_session_that_was_read_already_bypasses() {
        let touched = Circumstances {
            cookies_answered_for: true,
            session_touched: true,
            ..PLAIN
        };
        assert_eq!(decide(&Method::GET, &[], touched), Err(Bypass::Session));
    }

    #[test]
    fn only_if_cached_is_passed_on() {
        let asks = [(header::CACHE_CONTROL, "only-if-cached")];
        assert_eq!(decide(&Method::GET, &asks, PLAIN), Ok(true));
    }
}
