use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response};

use super::Rejection;
use crate::Body;

/// The refusal as a problem document, RFC 9457.
pub(super) fn answer<B: http_body::Body>(mut rejection: Rejection) -> Response<Body<B>> {
    let document = document(&rejection);
    let mut response = Response::new(Body::full(document));
    *response.status_mut() = rejection.reason.status();

    let headers = response.headers_mut();
    *headers = std::mem::take(&mut rejection.headers);
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(wait) = rejection.retry_after {
        headers.insert(RETRY_AFTER, seconds(wait).into());
    }
    response
}

/// `delay-seconds` of RFC 9110 §10.2.3: rounded up, because a client that comes early is refused again, and never 0.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs()
        .saturating_add(u64::from(wait.subsec_nanos() > 0))
        .max(1)
}

fn document(rejection: &Rejection) -> String {
    let mut json = String::with_capacity(192);
    json.push('{');
    // Left out, it is `about:blank`: RFC 9457 §3.1.1.
    if let Some(uri) = &rejection.problem_type {
        json.push_str("\"type\":");
        push_string(&mut json, uri);
        json.push(',');
    }
    json.push_str("\"title\":");
    push_string(&mut json, &rejection.title);
    json.push_str(",\"status\":");
    json.push_str(rejection.reason.status().as_str());
    if let Some(detail) = &rejection.detail {
        json.push_str(",\"detail\":");
        push_string(&mut json, detail);
    }
    if !rejection.violations.is_empty() {
        json.push_str(",\"violated-policies\":[");
        for (i, violation) in rejection.violations.iter().enumerate() {
            if i > 0 {
                json.push(',');
            }
            push_string(&mut json, &violation.policy);
        }
        json.push(']');
    }
    json.push('}');
    json
}

/// A JSON string, RFC 8259 §7.
fn push_string(json: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\u{0}'..='\u{1f}' => {
                let code = character as usize;
                json.push_str("\\u00");
                json.push(char::from(HEX[code >> 4]));
                json.push(char::from(HEX[code & 15]));
            }
            _ => json.push(character),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up_and_never_zero() {
        for (wait, expected) in [
            (Duration::ZERO, 1),
            (Duration::from_nanos(1), 1),
            (Duration::from_secs(1), 1),
            (Duration::from_millis(1001), 2),
            (Duration::MAX, u64::MAX),
        ] {
            assert_eq!(seconds(wait), expected, "{wait:?}");
        }
    }

    #[test]
    fn strings_are_escaped_as_json_asks() {
        let mut json = String::new();
        push_string(&mut json, "a\"b\\c\nd\u{1f}é\u{7f}");
        assert_eq!(json, "\"a\\\"b\\\\c\\u000ad\\u001fé\u{7f}\"");
    }
}
