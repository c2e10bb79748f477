use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt, Empty};

use super::*;
use crate::Body;

type Answer = Response<Body<Empty<Bytes>>>;

fn over_http(rejection: Rejection) -> Answer {
    rejection.into_response(&Protocol::http())
}

fn over_grpc(rejection: Rejection) -> Answer {
    rejection.into_response(&grpc("application/grpc"))
}

fn grpc(content_type: &'static str) -> Protocol {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(content_type));
    Protocol::of(&headers)
}

async fn text(answer: Answer) -> String {
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.into()).unwrap()
}

#[tokio::test]
async fn a_rate_limit_is_a_429_problem_that_names_the_policies() {
    let answer = over_http(
        Rejection::rate_limited("ip")
            .retry_after(Duration::from_millis(1200))
            .detail("20 per second")
            .violation(QuotaViolation::of("ip"))
            .violation(QuotaViolation::of("daily").subject("not for HTTP")),
    );
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(answer.headers()["retry-after"], "2");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(
        text(answer).await,
        concat!(
            r#"{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","#,
            r#""title":"Request cannot be satisfied as assigned quota has been exceeded","#,
            r#""status":429,"detail":"20 per second","violated-policies":["ip","daily"]}"#,
        )
    );
}

#[tokio::test]
async fn other_problems_are_about_blank_with_the_phrase_of_the_status() {
    for (rejection, document) in [
        (
            Rejection::unavailable("session"),
            r#"{"title":"Service Unavailable","status":503}"#,
        ),
        (
            Rejection::unidentified("ip", "no header"),
            r#"{"title":"Bad Request","status":400}"#,
        ),
        (
            Rejection::misconfigured("ip", "a secret of the set-up"),
            r#"{"title":"Internal Server Error","status":500}"#,
        ),
    ] {
        let answer = over_http(rejection);
        assert_eq!(answer.headers().get("retry-after"), None);
        assert_eq!(text(answer).await, document);
    }
}

#[tokio::test]
async fn a_problem_can_have_a_type_of_its_own() {
    let answer =
        over_http(Rejection::unavailable("a").problem("https://example.org/p", "Full \"up\""));
    assert_eq!(
        text(answer).await,
        r#"{"type":"https://example.org/p","title":"Full \"up\"","status":503}"#
    );
}

#[test]
fn grpc_is_answered_in_the_headers_with_the_content_type_of_the_request() {
    for content_type in [
        "application/grpc",
        "application/grpc+proto",
        "application/grpc-web",
        "application/grpc-web-text+proto",
    ] {
        let answer: Answer = Rejection::rate_limited("ip").into_response(&grpc(content_type));
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], content_type);
        assert_eq!(answer.headers()["grpc-status"], "8");
        // What makes the server send HEADERS with END_STREAM: trailers-only.
        assert!(answer.body().is_end_stream());
        assert_eq!(answer.headers().get("retry-after"), None);
    }
}

#[test]
fn every_reason_has_its_two_statuses() {
    for (rejection, http, grpc) in [
        (Rejection::rate_limited("a"), 429, "8"),
        (Rejection::unavailable("a"), 503, "14"),
        (Rejection::unidentified("a", ""), 400, "3"),
        (Rejection::misconfigured("a", ""), 500, "13"),
    ] {
        assert_eq!(over_http(rejection.clone()).status(), http);
        assert_eq!(over_grpc(rejection).headers()["grpc-status"], grpc);
    }
}

#[test]
fn the_grpc_message_is_percent_encoded() {
    let answer = over_grpc(Rejection::unavailable("a").detail("50 %\nzu viel für ~you"));
    assert_eq!(
        answer.headers()["grpc-message"],
        "50 %25%0Azu viel f%C3%BCr ~you"
    );
}

#[test]
fn grpc_details_carry_the_same_code_and_message_and_the_delay() {
    let answer = over_grpc(Rejection::unavailable("a").retry_after(Duration::from_millis(2)));
    assert_eq!(answer.headers()["grpc-retry-pushback-ms"], "2");
    let details = STANDARD_NO_PAD
        .decode(&answer.headers()["grpc-status-details-bin"])
        .unwrap();
    assert_eq!(
        details,
        protobuf::status(
            14,
            "Service Unavailable",
            Some(Duration::from_millis(2)),
            &[]
        )
    );
}

#[test]
fn without_anything_to_say_there_are_no_grpc_details() {
    let answer = over_grpc(Rejection::unavailable("a"));
    assert_eq!(answer.headers().get("grpc-status-details-bin"), None);
    assert_eq!(answer.headers().get("grpc-retry-pushback-ms"), None);
}

#[test]
fn extra_headers_are_added_and_never_replace_those_of_the_answer() {
    let name = HeaderName::from_static("ratelimit");
    let rejection = Rejection::rate_limited("a")
        .header(name.clone(), HeaderValue::from_static("\"a\";r=0"))
        .header(name, HeaderValue::from_static("\"b\";r=0"))
        .header(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("text/html"),
        );
    for answer in [over_http(rejection.clone()), over_grpc(rejection)] {
        let lines: Vec<_> = answer.headers().get_all("ratelimit").iter().collect();
        assert_eq!(lines, ["\"a\";r=0", "\"b\";r=0"]);
        assert_eq!(answer.headers().get_all("content-type").iter().count(), 1);
        assert_ne!(answer.headers()["content-type"], "text/html");
    }
}

#[test]
fn outer_layers_see_who_refused_and_why() {
    let wait = Duration::from_millis(1200);
    let rejection = Rejection::rate_limited("ip").retry_after(wait);
    for answer in [over_http(rejection.clone()), over_grpc(rejection)] {
        let rejected = answer.extensions().get::<Rejected>().unwrap();
        assert_eq!(rejected.by, "ip");
        assert_eq!(rejected.reason, Reason::RateLimited);
        assert_eq!(rejected.retry_after, Some(wait));
    }
}
