use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{Rejection, protobuf};
use crate::Body;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// What `grpc-message` has to encode: all but `%x20-24` and `%x26-7E`.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

/// The refusal as a `Trailers-Only` response: the status stands in the headers, there is no body.
///
/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses>; gRPC-Web allows the same.
pub(super) fn answer<B: http_body::Body>(
    mut rejection: Rejection,
    content_type: HeaderValue,
) -> Response<Body<B>> {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    *headers = std::mem::take(&mut rejection.headers);
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(STATUS, u16::from(rejection.reason.grpc_status()).into());

    let message = rejection.detail.as_deref().unwrap_or(&rejection.title);
    insert_text(
        headers,
        MESSAGE,
        &utf8_percent_encode(message, ENCODED).to_string(),
    );

    if rejection.retry_after.is_some() || !rejection.violations.is_empty() {
        let status = protobuf::status(
            rejection.reason.grpc_status(),
            message,
            rejection.retry_after,
            &rejection.violations,
        );
        // Without padding, as the protocol asks of who sends: "Custom-Metadata" of PROTOCOL-HTTP2.
        insert_text(headers, DETAILS, &STANDARD_NO_PAD.encode(status));
    }
    if let Some(wait) = rejection.retry_after {
        headers.insert(PUSHBACK, pushback_millis(wait).into());
    }
    response
}

/// Milliseconds as a positive signed 32-bit integer
/// (<https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback>), rounded up and never 0, which would mean at once.
fn pushback_millis(wait: Duration) -> i32 {
    let millis = wait.as_nanos().div_ceil(1_000_000).max(1);
    i32::try_from(millis).unwrap_or(i32::MAX)
}

fn insert_text(headers: &mut http::HeaderMap, name: HeaderName, text: &str) {
    // Both callers encode to visible ASCII, which is always a header value.
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushback_is_rounded_up_never_zero_and_fits_32_bits() {
        for (wait, expected) in [
            (Duration::ZERO, 1),
            (Duration::from_nanos(1), 1),
            (Duration::from_micros(1500), 2),
            (Duration::from_secs(3), 3000),
            (Duration::MAX, i32::MAX),
        ] {
            assert_eq!(pushback_millis(wait), expected, "{wait:?}");
        }
    }
}
