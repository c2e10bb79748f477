use http::StatusCode;

/// What no cache here keeps whatever it says: what is no final or no complete answer (RFC 9111 section 3), and what RFC
/// 6585 forbids to store, because it is about the client.
pub(crate) fn is_never_stored(status: StatusCode) -> bool {
    status.is_informational()
        || matches!(
            status,
            StatusCode::PARTIAL_CONTENT
                | StatusCode::NOT_MODIFIED
                | StatusCode::PRECONDITION_REQUIRED
                | StatusCode::TOO_MANY_REQUESTS
                | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
                | StatusCode::NETWORK_AUTHENTICATION_REQUIRED
        )
}

/// About the one who asked, and so nobody else's unless a response is taken by its word.
pub(crate) fn is_about_the_client(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::PROXY_AUTHENTICATION_REQUIRED
    )
}

/// The statuses that a route's `ttl` is meant for; any other is stored only where the handler says for how long:
/// a route that keeps its pages for an hour does not want an hour of "not found".
pub(crate) fn is_cacheable_by_route(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::OK
            | StatusCode::NON_AUTHORITATIVE_INFORMATION
            | StatusCode::NO_CONTENT
            | StatusCode::MOVED_PERMANENTLY
            | StatusCode::PERMANENT_REDIRECT
    )
}

/// There is nothing, which may be worth remembering too.
pub(crate) fn is_negative(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
}

/// Whose freshness a cache may guess (RFC 9110 section 15.1, without 206).
pub(crate) fn is_heuristically_cacheable(status: StatusCode) -> bool {
    is_cacheable_by_route(status)
        || is_negative(status)
        || matches!(
            status,
            StatusCode::MULTIPLE_CHOICES
                | StatusCode::METHOD_NOT_ALLOWED
                | StatusCode::URI_TOO_LONG
                | StatusCode::NOT_IMPLEMENTED
        )
}

/// What a cache must know to store a response with `must-understand` (RFC 9111 section 5.2.2.3): the final statuses of
/// RFC 9110, but for those that need what this cache does not do.
pub(crate) fn is_understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200..=205 | 300..=303 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 500..=505
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = StatusCode> {
        (100..1000).map(|code| StatusCode::from_u16(code).unwrap())
    }

    #[test]
    fn what_may_be_stored_unasked_may_be_guessed_and_is_understood() {
        for status in all() {
            if is_cacheable_by_route(status) || is_negative(status) {
                assert!(is_heuristically_cacheable(status), "{status}");
            }
            if is_heuristically_cacheable(status) {
                assert!(is_understood(status), "{status}");
                assert!(
                    !is_never_stored(status) && !is_about_the_client(status),
                    "{status}"
                );
            }
        }
    }

    #[test]
    fn partial_and_unknown_statuses_are_not_understood() {
        for code in [100, 103, 206, 226, 299, 304, 418, 429, 499, 599, 999] {
            let status = StatusCode::from_u16(code).unwrap();
            assert!(!is_understood(status), "{status}");
        }
    }
}
