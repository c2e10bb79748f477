//! Which answers are stored, for how long, and what of them.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::{Empty, Full};
use tower::service_fn;
use tower_keep_cache::ResponseCacheLayer;
use tower_layer::Layer;
use tower_service::Service;

use super::site::{MINUTE, Runs, ask, get, hit, memory};

type Answers = &'static [(&'static str, &'static str)];

/// A service that always answers so.
fn answering(
    layer: &ResponseCacheLayer,
    runs: &Runs,
    status: u16,
    headers: Answers,
) -> impl Service<
    Request<Empty<Bytes>>,
    Response = Response<tower_keep_core::Body<Full<Bytes>>>,
    Error = Infallible,
    Future: Send,
> + Clone
+ use<> {
    let runs = runs.clone();
    layer.layer(service_fn(move |_: Request<Empty<Bytes>>| {
        let mut response = Response::new(Full::from(format!("run {}", runs.next())));
        *response.status_mut() = status.try_into().unwrap();
        for (name, value) in headers {
            response.headers_mut().append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        async move { Ok(response) }
    }))
}

/// Whether a second request finds what the first one left.
async fn is_stored(layer: &ResponseCacheLayer, status: u16, headers: Answers) -> bool {
    let runs = Runs::default();
    let service = answering(layer, &runs, status, headers);
    let first = ask(&service, get("/")).await;
    let stored = first.handling().ends_with("; stored");
    ask(&service, get("/")).await;
    assert_eq!(
        stored,
        runs.count() == 1,
        "{status} {headers:?}: {}",
        first.handling()
    );
    stored
}

#[tokio::test]
async fn without_a_word_on_freshness_nothing_is_stored() {
    assert!(!is_stored(&memory().layer(), 200, &[]).await);
    assert!(is_stored(&memory().layer(), 200, &[("cache-control", "max-age=60")]).await);
    assert!(is_stored(&memory().layer(), 404, &[("cache-control", "s-maxage=60")]).await);
}

#[tokio::test]
async fn the_route_means_pages_not_errors() {
    for status in [200, 203, 204, 301, 308] {
        assert!(
            is_stored(&memory().layer().ttl(MINUTE), status, &[]).await,
            "{status}"
        );
    }
    for status in [201, 302, 307, 400, 401, 403, 404, 405, 407, 410, 429] {
        assert!(
            !is_stored(&memory().layer().ttl(MINUTE), status, &[]).await,
            "{status}"
        );
    }
}

#[tokio::test]
async fn some_answers_are_never_stored_whatever_they_say() {
    for status in [206, 304, 401, 403, 407, 429, 500, 503] {
        assert!(
            !is_stored(
                &memory().layer(),
                status,
                &[("cache-control", "public, max-age=60")]
            )
            .await,
            "{status}"
        );
    }
    let forbidding: [Answers; 7] = [
        &[
            ("cache-control", "max-age=60"),
            ("cache-control", "PRIVATE"),
        ],
        &[("cache-control", "no-store, max-age=60")],
        &[("cache-control", "no-cache, max-age=60")],
        &[("cache-control", "max-age=0")],
        &[("cache-control", "max-age=60"), ("vary", "origin, *")],
        &[("cache-control", "max-age=60"), ("set-cookie", "id=1")],
        &[("expires", "0")],
    ];
    for headers in forbidding {
        assert!(
            !is_stored(&memory().layer().ttl(MINUTE), 200, headers).await,
            "{headers:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_ends_with_its_freshness() {
    let runs = Runs::default();
    let service = answering(
        &memory().layer().ttl(MINUTE),
        &runs,
        200,
        &[("cache-control", "max-age=10")],
    );
    hit(&service, "/").await;
    tokio::time::advance(Duration::from_secs(9)).await;
    assert!(ask(&service, get("/")).await.is_hit());
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(!ask(&service, get("/")).await.is_hit());
    assert_eq!(runs.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_age_of_an_upstream_answer_counts() {
    let runs = Runs::default();
    let headers = &[("cache-control", "max-age=60"), ("age", "50")];
    let service = answering(&memory().layer(), &runs, 200, headers);
    let found = hit(&service, "/").await;
    assert_eq!(found.header("age"), Some("50"));
    tokio::time::advance(Duration::from_secs(11)).await;
    assert!(!ask(&service, get("/")).await.is_hit());
}

#[tokio::test]
async fn a_hit_has_the_headers_of_the_answer_and_not_those_of_the_exchange() {
    let headers = &[
        ("etag", "\"1\""),
        ("link", "</a>"),
        ("link", "</b>"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("ratelimit", "\"ip\";r=1"),
        ("x-ratelimit-remaining", "1"),
    ];
    let service = answering(
        &memory().layer().ttl(MINUTE),
        &Runs::default(),
        203,
        headers,
    );

    let first = ask(&service, get("/")).await;
    let found = hit(&service, "/").await;

    assert_eq!(first.header("ratelimit"), Some("\"ip\";r=1"));
    assert_eq!(found.status, 203);
    assert_eq!(found.header("etag"), Some("\"1\""));
    assert_eq!(
        found.headers.get_all("link").iter().collect::<Vec<_>>(),
        ["</a>", "</b>"]
    );
    for absent in ["connection", "x-hop", "ratelimit", "x-ratelimit-remaining"] {
        assert_eq!(found.header(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn a_length_that_means_nothing_does_not_come_back_at_a_hit() {
    // RFC 9112 section 6.3: the transfer coding overrules it.
    let headers = &[("transfer-encoding", "chunked"), ("content-length", "1")];
    let service = answering(
        &memory().layer().ttl(MINUTE),
        &Runs::default(),
        200,
        headers,
    );
    let found = hit(&service, "/").await;
    assert!([None, Some("5")].contains(&found.header("content-length")));
    let headers = &[("content-length", "5"), ("content-length", "5")];
    let service = answering(
        &memory().layer().ttl(MINUTE),
        &Runs::default(),
        200,
        headers,
    );
    let found = hit(&service, "/").await;
    assert!(found.headers.get_all("content-length").iter().count() <= 1);
}

#[tokio::test]
async fn very_many_lines_of_a_header_are_a_header() {
    let service =
        memory()
            .layer()
            .ttl(MINUTE)
            .layer(service_fn(async |_: Request<Empty<Bytes>>| {
                let mut response = Response::new(Full::<Bytes>::from("page"));
                for _ in 0..30_000 {
                    response
                        .headers_mut()
                        .append("link", HeaderValue::from_static("</a>"));
                }
                Ok::<_, Infallible>(response)
            }));
    let found = hit(&service, "/").await;
    assert_eq!(found.headers.get_all("link").iter().count(), 30_000);
}
