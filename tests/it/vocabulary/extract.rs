use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http_body_util::BodyExt;
use tower_keep_core::Protocol;
use tower_keep_core::extract::{self, ClientIp, SubjectExtractor, matched_route, path_parameters};

use super::{Answer, request, serve, serve_without_connect_info};

type By = Arc<dyn SubjectExtractor>;

/// What a layer does: names the subject, or answers with the rejection. The subject goes out as a header, to be compared.
async fn name_subject(State(by): State<By>, request: Request, next: Next) -> Response {
    let protocol = Protocol::of(request.headers());
    let (parts, body) = request.into_parts();
    match by.subject(&parts) {
        Ok(subject) => {
            let mut response = next.run(Request::from_parts(parts, body)).await;
            let value = format!("{:?}", subject.as_bytes()).parse().unwrap();
            response.headers_mut().insert("subject", value);
            response
        }
        Err(missing) => missing
            .into_rejection("test")
            .into_response::<axum::body::Body>(&protocol)
            .into_response(),
    }
}

fn shop(by: impl SubjectExtractor + 'static) -> Router {
    let by: By = Arc::new(by);
    Router::new()
        .route("/products/{id}", get(|| async { "product" }))
        .route("/", get(|| async { "home" }))
        .layer(middleware::from_fn_with_state(by, name_subject))
}

async fn subject(server: std::net::SocketAddr, path: &str, headers: &[(&str, &str)]) -> String {
    let answer = request(server, path, headers).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.headers()["subject"].to_str().unwrap().to_owned()
}

async fn text(answer: Answer) -> String {
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.into()).unwrap()
}

#[tokio::test]
async fn the_peer_comes_from_axums_connect_info() {
    let server = serve(shop(ClientIp::peer())).await;
    let expected = format!("{:?}", b"a\x7f\0\0\x01");
    assert_eq!(subject(server, "/", &[]).await, expected);
    let spoofed = [
        ("x-forwarded-for", "192.0.2.1"),
        ("forwarded", "for=192.0.2.1"),
    ];
    assert_eq!(subject(server, "/", &spoofed).await, expected);
}

#[tokio::test]
async fn behind_a_proxy_the_client_is_what_the_proxy_appended() {
    let loopback = "127.0.0.0/8".parse().unwrap();
    for by in [ClientIp::behind(1), ClientIp::trusting([loopback])] {
        let server = serve(shop(by)).await;
        let one = subject(server, "/", &[("x-forwarded-for", "203.0.113.9")]).await;
        let spoofed = [("x-forwarded-for", "192.0.2.1, 203.0.113.9")];
        assert_eq!(subject(server, "/", &spoofed).await, one);
        let other = [("x-forwarded-for", "203.0.113.9, 203.0.113.10")];
        assert_ne!(subject(server, "/", &other).await, one);
    }
}

#[tokio::test]
async fn a_service_without_connect_info_refuses_in_the_protocol_of_the_request() {
    let server = serve_without_connect_info(shop(ClientIp::peer())).await;
    let answer = request(server, "/", &[]).await;
    assert_eq!(answer.status(), 500);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(
        text(answer).await,
        r#"{"title":"Internal Server Error","status":500}"#
    );

    let answer = request(server, "/", &[("content-type", "application/grpc")]).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["grpc-status"], "13");
    assert_eq!(answer.headers()["content-length"], "0");
}

#[tokio::test]
async fn requests_to_one_route_are_one_subject_and_a_fallback_is_none() {
    let server = serve(shop(matched_route())).await;
    let seven = subject(server, "/products/7", &[]).await;
    assert_eq!(subject(server, "/products/8", &[]).await, seven);
    assert_ne!(subject(server, "/", &[]).await, seven);
    assert_eq!(request(server, "/nowhere", &[]).await.status(), 500);
}

#[tokio::test]
async fn path_parameters_are_read_by_a_layer_and_left_for_the_handler() {
    async fn read(mut request: Request, next: Next) -> Response {
        let found = match path_parameters(request.extensions_mut()) {
            Ok(parameters) => format!("{:?}", parameters.iter().collect::<Vec<_>>()),
            Err(_) => "none".into(),
        };
        let route = extract::matched_path(request.extensions()).map(str::to_owned);
        let mut response = next.run(request).await;
        let headers = response.headers_mut();
        headers.insert("parameters", found.parse().unwrap());
        headers.insert("route", route.unwrap_or_default().parse().unwrap());
        response
    }
    let product = |axum::extract::Path(id): axum::extract::Path<String>| async { id };
    let router = Router::new()
        .route("/products/{id}", get(product))
        .layer(middleware::from_fn(read));
    let server = serve(router).await;

    for (path, parameters, id) in [
        ("/products/007", r#"[("id", "007")]"#, "007"),
        // axum decodes them: what is compared with them is the text, not its spelling in the URL.
        ("/products/a%2Fb", r#"[("id", "a/b")]"#, "a/b"),
    ] {
        let answer = request(server, path, &[]).await;
        assert_eq!(answer.headers()["parameters"], parameters);
        assert_eq!(answer.headers()["route"], "/products/{id}");
        assert_eq!(text(answer).await, id);
    }
    let answer = request(server, "/products/%FF", &[]).await;
    assert_eq!(answer.headers()["parameters"], "none");

    let answer = request(server, "/nowhere", &[]).await;
    assert_eq!(answer.headers()["parameters"], "[]");
    assert_eq!(answer.headers()["route"], "");
}
