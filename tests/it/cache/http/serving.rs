//! What a hit looks like, and which requests have a part in the cache.

use std::convert::Infallible;

use axum::{Router, extract::Path, routing::get as route};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use tower::service_fn;
use tower_keep_cache::ResponseCacheLayer;
use tower_layer::Layer;
use tower_service::Service;

use super::site::{MINUTE, Runs, Site, ask, get, hit, memory, request};

/// A service that answers with the number of its run and the path.
fn numbered(
    layer: &ResponseCacheLayer,
    runs: &Runs,
) -> impl Service<
    Request<Empty<Bytes>>,
    Response = Response<tower_keep_core::Body<Full<Bytes>>>,
    Error = Infallible,
    Future: Send,
> + Clone
+ use<> {
    let runs = runs.clone();
    layer.layer(service_fn(move |request: Request<Empty<Bytes>>| {
        let text = format!("{} {} {}", runs.next(), request.method(), request.uri());
        async move {
            Ok(Response::builder()
                .header("content-type", "text/plain")
                .body(Full::from(text))
                .unwrap())
        }
    }))
}

#[tokio::test]
async fn a_miss_is_stored_and_answers_the_next_request() {
    let runs = Runs::default();
    let service = numbered(&memory().layer().ttl(MINUTE), &runs);

    let miss = ask(&service, get("/a")).await;
    let hit = hit(&service, "/a").await;

    assert_eq!(miss.handling(), "tower-keep; fwd=uri-miss; stored");
    assert_eq!(miss.header("age"), None);
    assert!(
        hit.handling().starts_with("tower-keep; hit; ttl="),
        "{}",
        hit.handling()
    );
    assert_eq!(hit.header("age"), Some("0"));
    assert_eq!(hit.header("content-type"), Some("text/plain"));
    assert_eq!((hit.status, hit.text()), (miss.status, "1 GET /a"));
    assert_eq!(runs.count(), 1);
}

#[tokio::test]
async fn every_spelling_of_a_target_is_a_target() {
    let runs = Runs::default();
    let service = numbered(&memory().layer().ttl(MINUTE), &runs);
    let targets = [
        "/a",
        "/a?",
        "/a?x=1",
        "/a?x=2",
        "/a/",
        "/A",
        "/%61",
        "http://shop.example/a",
        "http://other.example/a",
    ];
    for target in targets {
        let answer = ask(&service, get(target)).await;
        assert_eq!(answer.text().split(' ').nth(2), Some(target));
    }
    assert_eq!(runs.count(), targets.len());
    let spelt_otherwise = ask(&service, get("http://SHOP.example/a")).await;
    assert!(spelt_otherwise.text().contains("http://shop.example/a"));
}

#[tokio::test]
async fn head_is_answered_from_get_and_fills_it() {
    for first in ["HEAD", "GET"] {
        let runs = Runs::default();
        let service = numbered(&memory().layer().ttl(MINUTE), &runs);

        let asked = ask(&service, request(first, "/a", &[])).await;
        let get = hit(&service, "/a").await;
        let head = ask(&service, request("HEAD", "/a", &[])).await;

        assert_eq!(asked.text(), if first == "HEAD" { "" } else { "1 GET /a" });
        assert_eq!(get.text(), "1 GET /a");
        assert!(head.is_hit() && head.body.is_empty());
        assert_eq!(head.header("content-length"), Some("8"));
        assert_eq!(head.header("content-type"), Some("text/plain"));
        assert_eq!(runs.count(), 1);
    }
}

#[tokio::test]
async fn a_server_answers_head_with_the_length_of_get() {
    let runs = Runs::default();
    let counted = runs.clone();
    let product = route(move |Path(id): Path<String>| {
        counted.next();
        async move { format!("product {id}") }
    });
    let site =
        Site::serve(Router::new().route("/{id}", product.layer(memory().layer().ttl(MINUTE))))
            .await;

    let miss = site.send(request("HEAD", "/7", &[])).await.answer().await;
    let get = site.hit("/7").await;
    let hit = site.send(request("HEAD", "/7", &[])).await.answer().await;

    assert_eq!(get.text(), "product 7");
    for head in [miss, hit] {
        assert_eq!(
            (head.header("content-length"), head.text()),
            (Some("9"), "")
        );
    }
    assert_eq!(runs.count(), 1);
}

#[tokio::test]
async fn other_methods_and_requests_that_forbid_it_pass() {
    let runs = Runs::default();
    let service = numbered(&memory().layer().ttl(MINUTE).keep_on_writes(), &runs);
    hit(&service, "/a").await;
    let cases = [
        ("POST", ("accept", "*/*"), "tower-keep; fwd=method"),
        ("PUT", ("accept", "*/*"), "tower-keep; fwd=method"),
        ("OPTIONS", ("accept", "*/*"), "tower-keep; fwd=method"),
        (
            "GET",
            ("cache-control", "no-store"),
            "tower-keep; fwd=request; detail=no-store",
        ),
        (
            "GET",
            ("upgrade", "websocket"),
            "tower-keep; fwd=bypass; detail=upgrade",
        ),
        (
            "GET",
            ("content-type", "application/grpc"),
            "tower-keep; fwd=bypass; detail=grpc",
        ),
    ];
    for (count, (method, header, handling)) in cases.into_iter().enumerate() {
        let answer = ask(&service, request(method, "/a", &[header])).await;
        assert_eq!(answer.handling(), handling);
        assert!(
            answer
                .text()
                .starts_with(&format!("{} {method}", count + 2)),
            "{}",
            answer.text()
        );
    }
    assert_eq!(hit(&service, "/a").await.text(), "1 GET /a");
}

#[tokio::test]
async fn only_if_cached_never_runs_the_handler() {
    let runs = Runs::default();
    let service = numbered(&memory().layer().ttl(MINUTE), &runs);
    let only = || request("GET", "/a", &[("cache-control", "only-if-cached")]);

    let none = ask(&service, only()).await;
    // Nothing was forwarded (RFC 9211 section 2.2).
    assert_eq!(
        (none.status.as_u16(), none.handling()),
        (504, "tower-keep; detail=only-if-cached")
    );
    assert_eq!(runs.count(), 0);
    hit(&service, "/a").await;
    let answer = ask(&service, only()).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "1 GET /a"));
}

#[tokio::test]
async fn a_condition_of_one_client_does_not_reach_the_answer_for_all() {
    let runs = Runs::default();
    let layer = memory().layer().ttl(MINUTE);
    let counted = runs.clone();
    let service = layer.layer(service_fn(move |request: Request<Empty<Bytes>>| {
        counted.next();
        let not_modified = request.headers().contains_key("if-none-match");
        let status = if not_modified { 304 } else { 200 };
        async move {
            Ok::<_, Infallible>(
                Response::builder()
                    .status(status)
                    .body(Full::from("page"))
                    .unwrap(),
            )
        }
    }));

    let asked = [("if-none-match", "\"old\"")];
    let conditional = ask(&service, request("GET", "/", &asked)).await;

    assert_eq!(
        (conditional.status.as_u16(), conditional.text()),
        (200, "page")
    );
    assert_eq!(hit(&service, "/").await.text(), "page");
    assert_eq!(runs.count(), 1);
}

#[tokio::test]
async fn the_name_in_cache_status_can_be_chosen() {
    let service = numbered(
        &memory().layer().ttl(MINUTE).cache_status("shop edge"),
        &Runs::default(),
    );
    assert!(
        ask(&service, get("/"))
            .await
            .handling()
            .starts_with("\"shop edge\"; fwd=uri-miss")
    );
}

#[tokio::test]
async fn routers_nested_under_two_prefixes_do_not_share_their_pages() {
    let cache = memory();
    let shop = |name: &'static str| {
        Router::new().route(
            "/items",
            route(move || async move { name }).layer(cache.layer().ttl(MINUTE)),
        )
    };
    let site = Site::serve(
        Router::new()
            .nest("/one", shop("one"))
            .nest("/two", shop("two")),
    )
    .await;
    assert_eq!(site.hit("/one/items").await.text(), "one");
    assert_eq!(site.hit("/two/items").await.text(), "two");
}

#[tokio::test]
async fn layers_with_different_names_do_not_share_their_pages() {
    let cache = memory();
    let one = numbered(&cache.layer().ttl(MINUTE).name("one"), &Runs::default());
    let two = numbered(&cache.layer().ttl(MINUTE).name("two"), &Runs::default());
    hit(&one, "/").await;
    assert!(!ask(&two, get("/")).await.is_hit());
}
