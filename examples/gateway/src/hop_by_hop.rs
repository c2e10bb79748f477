//! The header fields that are about one connection and not about the message.

use http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");

/// Removes what RFC 9110 §7.6.1 wants removed: what `Connection` names, itself, and the fields that are hop-by-hop
/// without being named. `Trailer` stays, because trailers are forwarded.
pub(crate) fn remove(headers: &mut HeaderMap) {
    // §10.1.4: who forwards trailers may ask for them; any other transfer coding is between neighbours.
    let takes_trailers = names(headers, &TE).any(|coding| coding == "trailers");
    let named: Vec<HeaderName> = names(headers, &CONNECTION)
        .filter_map(|name| name.parse().ok())
        .filter(|name| *name != TRAILER)
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        CONNECTION,
        KEEP_ALIVE,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        PROXY_CONNECTION,
        TE,
        TRANSFER_ENCODING,
        UPGRADE,
    ] {
        headers.remove(name);
    }
    if takes_trailers {
        headers.insert(TE, TRAILERS);
    }
}

/// The members of a list that may be spread over several lines, in lower case.
fn names(headers: &HeaderMap, list: &HeaderName) -> impl Iterator<Item = String> {
    headers
        .get_all(list)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn what_connection_names_goes_on_every_line_and_in_any_case() {
        let mut found = headers(&[
            ("connection", "close, X-Secret"),
            ("connection", "x-other"),
            ("x-secret", "1"),
            ("x-other", "2"),
            ("x-kept", "3"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
        ]);
        remove(&mut found);
        assert_eq!(found, headers(&[("x-kept", "3")]));
    }

    #[test]
    fn the_wish_for_trailers_is_handed_on_and_no_other_coding() {
        let mut found = headers(&[
            ("connection", "te"),
            ("te", "gzip, Trailers"),
            ("trailer", "x-sum"),
        ]);
        remove(&mut found);
        assert_eq!(found, headers(&[("te", "trailers"), ("trailer", "x-sum")]));
    }
}
