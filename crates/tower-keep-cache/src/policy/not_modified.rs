use http::{
    HeaderMap, HeaderName,
    header::{
        CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
        LAST_MODIFIED, TRAILER,
    },
};

/// Takes out of an answer's head what a 304 does not say (RFC 9110 section 15.4.5): what the client knows from the
/// representation that it has.
///
/// All else stays, above all `Cache-Control`, `Content-Location`, `Date`, `ETag`, `Expires` and `Vary`, which must be there
/// as they would be in a 200, and what is about the answer and not about the content, as CORS and policies.
pub(crate) fn keep_what_a_304_says(headers: &mut HeaderMap) {
    const CONTENT: [HeaderName; 6] = [
        CONTENT_ENCODING,
        CONTENT_LANGUAGE,
        CONTENT_LENGTH,
        CONTENT_RANGE,
        CONTENT_TYPE,
        TRAILER,
    ];
    for name in CONTENT {
        headers.remove(name);
    }
    // Of use only to a client that has nothing better to ask with.
    if headers.contains_key(ETAG) {
        headers.remove(LAST_MODIFIED);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_a_304_must_say_stays_and_what_is_about_the_content_goes() {
        let mut headers = HeaderMap::new();
        let must = [
            "cache-control",
            "content-location",
            "date",
            "etag",
            "expires",
            "vary",
        ];
        let content = [
            "content-type",
            "content-length",
            "content-encoding",
            "content-language",
            "last-modified",
        ];
        let others = ["access-control-allow-origin", "link", "age"];
        for name in must.iter().chain(&content).chain(&others) {
            headers.insert(*name, HeaderValue::from_static("x"));
        }
        keep_what_a_304_says(&mut headers);
        assert!(
            must.iter()
                .chain(&others)
                .all(|name| headers.contains_key(*name))
        );
        assert!(!content.iter().any(|name| headers.contains_key(*name)));
    }

    #[test]
    fn a_date_stays_where_there_is_no_tag() {
        let mut headers = HeaderMap::new();
        headers.insert(LAST_MODIFIED, HeaderValue::from_static("x"));
        keep_what_a_304_says(&mut headers);
        assert!(headers.contains_key(LAST_MODIFIED));
    }
}
