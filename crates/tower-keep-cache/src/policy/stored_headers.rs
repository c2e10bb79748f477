use http::{
    HeaderMap, HeaderName,
    header::{self, CONNECTION},
};

/// The headers of a response that are stored with it: all but those that are about this one exchange.
pub(crate) fn stored_headers(headers: &HeaderMap) -> HeaderMap {
    let mut stored = HeaderMap::with_capacity(headers.keys_len());
    for (name, value) in headers {
        if !is_of_this_exchange(name) && !is_named_by_connection(headers, name) {
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
    // Age is counted anew at every hit; the rest is what is left to one client, which is nobody else's business.
    let of_the_client = [header::AGE, header::RETRY_AFTER];
    let text = name.as_str();
    of_the_connection.contains(name)
        || of_the_client.contains(name)
        || matches!(
            text,
            "keep-alive"
                | "proxy-authentication-info"
                | "proxy-connection"
                | "ratelimit"
                | "ratelimit-policy"
        )
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

    #[test]
    fn what_is_about_one_exchange_is_left_out() {
        let lines = [
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
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }

        let stored = stored_headers(&headers);

        let left: Vec<_> = stored
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        assert_eq!(
            left,
            [
                ("content-type", "text/plain"),
                ("link", "</a>"),
                ("link", "</b>")
            ]
        );
    }
}
