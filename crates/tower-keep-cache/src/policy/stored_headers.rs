use http::{
    HeaderMap, HeaderName,
    header::{self, CONNECTION},
};

/// The headers of a response that are stored with it: all but those that are about this one exchange, and those that the
/// response itself withholds. Where its word alone counts (`strict`), limits and delays are stored too.
pub(crate) fn stored_headers(
    headers: &HeaderMap,
    withheld: &[HeaderName],
    strict: bool,
) -> HeaderMap {
    let mut stored = HeaderMap::with_capacity(headers.keys_len());
    for (name, value) in headers {
        let is_stored = !is_of_this_exchange(name)
            && (strict || !is_of_one_client(name))
            && !withheld.contains(name)
            && !is_named_by_connection(headers, name);
        if is_stored {
            stored.append(name.clone(), value.clone());
        }
    }
    stored
}

fn is_of_this_exchange(name: &HeaderName) -> bool {
    // RFC 9110 section 7.6.1 and RFC 9111 section 3.1: about the connection, or about one of its ends. The length is
    // that of the body, which a server sees; this one may have been said twice, or overruled by a transfer coding.
    let of_the_connection = [
        CONNECTION,
        header::CONTENT_LENGTH,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    of_the_connection.contains(name)
        // Counted anew at every hit.
        || *name == header::AGE
        || matches!(
            name.as_str(),
            "keep-alive" | "proxy-authentication-info" | "proxy-connection"
        )
}

/// What is left to one client is nobody else's business.
fn is_of_one_client(name: &HeaderName) -> bool {
    let text = name.as_str();
    *name == header::RETRY_AFTER
        || matches!(text, "ratelimit" | "ratelimit-policy")
        || text.starts_with("x-ratelimit-")
        || text.starts_with("x-rate-limit-")
}

fn is_named_by_connection(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(CONNECTION).iter().any(|line| {
        let mut named = line
            .as_bytes()
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii);
        named.any(|named| named.eq_ignore_ascii_case(name.as_str().as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const LINES: [(&str, &str); 13] = [
        ("age", "5"),
        ("connection", "close, X-Hop"),
        ("content-length", "5"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("transfer-encoding", "chunked"),
        ("ratelimit", "\"ip\";r=1"),
        ("ratelimit-policy", "\"ip\";q=2"),
        ("x-ratelimit-remaining", "1"),
        ("retry-after", "1"),
        ("content-type", "text/plain"),
        ("link", "</a>"),
        ("link", "</b>"),
    ];

    fn left(withheld: &[HeaderName], strict: bool) -> Vec<(String, String)> {
        let lines = LINES.map(|(name, value)| {
            let value = HeaderValue::from_static(value);
            (HeaderName::from_static(name), value)
        });
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, value);
        }
        let stored = stored_headers(&headers, withheld, strict);
        let text = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        stored.iter().map(text).collect()
    }

    fn expected(from: usize) -> Vec<(String, String)> {
        let lines = LINES[from..].iter();
        lines
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn what_is_about_one_exchange_or_one_client_is_left_out() {
        assert_eq!(left(&[], false), expected(10));
    }

    #[test]
    fn by_its_word_alone_only_the_exchange_is_left_out() {
        assert_eq!(left(&[], true), expected(6));
    }

    #[test]
    fn what_the_response_withholds_is_left_out() {
        let withheld = [header::LINK, header::RETRY_AFTER];
        assert_eq!(left(&withheld, false), expected(10)[..1]);
    }
}
