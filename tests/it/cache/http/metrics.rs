//! What is counted about requests and fills, as a Prometheus sees it.

use std::{convert::Infallible, sync::Arc};

use axum::{Router, body::Body, extract::Path, routing::get as route};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use testkit::{RedisServer, eventually};
use tokio::sync::Notify;
use tower::{ServiceExt, service_fn};
use tower_keep_cache::{Cache, Freshness};
use tower_keep_core::telemetry::{
    cache::{
        BYPASSES, FILL_SECONDS, FILLS, LEASE_WAIT_SECONDS, PENDING_INVALIDATION_SECONDS,
        PENDING_INVALIDATIONS, REFUSED_STORES, REQUESTS, SERVED_BYTES, STORED_BYTES,
    },
    connection::COMMANDS,
};
use tower_layer::Layer;

use super::{
    super::setup::cache,
    site::{MINUTE, SOON, ask, get, memory, request},
};
use crate::recorder::Recorder;

type Ask = Request<Empty<Bytes>>;

/// Waits until it is so many, and no more.
async fn counted(recorder: &Recorder, name: &str, labels: &[&str], count: f64) {
    eventually(SOON, async || recorder.sum(name, labels) >= count).await;
    assert!(
        recorder.sum(name, labels) == count,
        "{name}{labels:?}: {}",
        recorder.text()
    );
}

async fn send(app: &Router, request: Ask) {
    let request = request.map(Body::new);
    let response = app.clone().oneshot(request).await.unwrap();
    axum::body::to_bytes(response.into_body(), 1 << 20)
        .await
        .unwrap();
}

#[tokio::test]
async fn requests_are_counted_by_who_owns_the_route_and_what_they_came_to() {
    let recorder = Recorder::new();
    let _guard = recorder.install();
    let cache = memory();
    let layer = cache.layer().ttl(MINUTE);
    let product = route(|Path(id): Path<u64>| async move { format!("product {id}") });
    let app = Router::new()
        .route("/products/{id}", product.clone())
        .route("/items/{id}", product)
        .layer(layer.clone())
        .route(
            "/search",
            route(async || "found").layer(layer.name("search")),
        );

    for path in ["/products/1", "/products/2", "/items/1", "/search"] {
        send(&app, get(path)).await;
    }
    let bytes = |recorder: &Recorder| recorder.sum(STORED_BYTES, &[]);
    eventually(SOON, async || bytes(&recorder) == 32.0).await;
    for path in ["/products/1", "/products/2", "/products/2", "/search"] {
        send(&app, get(path)).await;
    }
    send(&app, request("GET", "/items/1", &[("cookie", "a=b")])).await;
    send(&app, request("POST", "/search", &[])).await;
    send(&app, get("/elsewhere")).await;

    let owner = |name: &str| format!(r#"owner="{name}""#);
    let (products, items) = (owner("/products/{id}"), owner("/items/{id}"));
    let search = owner("search");
    let (lead, hit) = (r#"result="lead""#, r#"result="hit""#);
    counted(&recorder, REQUESTS, &[&products, lead], 2.0).await;
    counted(&recorder, REQUESTS, &[&products, hit], 3.0).await;
    counted(&recorder, REQUESTS, &[&items], 1.0).await;
    counted(&recorder, REQUESTS, &[&search, hit], 1.0).await;
    // Where no route was matched.
    counted(&recorder, REQUESTS, &[&owner("unnamed")], 1.0).await;
    counted(&recorder, REQUESTS, &[], 9.0).await;
    counted(&recorder, SERVED_BYTES, &[&products], 27.0).await;
    let (cookie, method) = (r#"reason="cookie""#, r#"reason="method""#);
    counted(&recorder, BYPASSES, &[&items, cookie], 1.0).await;
    counted(&recorder, BYPASSES, &[&search, method], 1.0).await;
    counted(&recorder, BYPASSES, &[], 2.0).await;
    counted(&recorder, FILLS, &[r#"outcome="stored""#], 4.0).await;
    counted(&recorder, &format!("{FILL_SECONDS}_count"), &[], 5.0).await;
}

#[tokio::test]
async fn what_handlers_ask_for_has_an_owner_too() {
    let recorder = Recorder::new();
    let _guard = recorder.install();
    let cache = memory();
    for _ in 0..3 {
        let load = || async { Ok::<_, Infallible>(7) };
        let freshness = Freshness::ttl(MINUTE);
        cache.get_or_load("seven", freshness, load).await.unwrap();
    }
    let values = r#"owner="values""#;
    counted(&recorder, REQUESTS, &[values, r#"result="lead""#], 1.0).await;
    counted(&recorder, REQUESTS, &[values, r#"result="hit""#], 2.0).await;
    let bare = cache.layer().layer(service_fn(async |_: Ask| {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    let only = request("GET", "/", &[("cache-control", "only-if-cached")]);
    assert_eq!(ask(&bare, only).await.status, 504);
    let unnamed = [r#"owner="unnamed""#, r#"result="unsatisfied""#];
    counted(&recorder, REQUESTS, &unnamed, 1.0).await;
}

/// Its handler waits to be told to go on.
fn held(
    cache: &Cache,
    go: &Arc<Notify>,
) -> impl tower::Service<
    Ask,
    Response = Response<tower_keep_core::Body<Full<Bytes>>>,
    Error = Infallible,
    Future: Send,
> + Clone
+ Send
+ use<> {
    let go = Arc::clone(go);
    let layer = cache.layer().ttl(MINUTE).tag("page");
    layer.layer(service_fn(move |_: Ask| {
        let go = Arc::clone(&go);
        async move {
            go.notified().await;
            Ok(Response::new(Full::from("page")))
        }
    }))
}

#[tokio::test]
async fn a_refused_store_is_counted_by_why() {
    let recorder = Recorder::new();
    let _guard = recorder.install();
    let cache = memory();
    let go = Arc::new(Notify::new());
    let service = held(&cache, &go);
    let asked = tokio::spawn(async move { ask(&service, get("/")).await });
    counted(&recorder, REQUESTS, &[r#"result="lead""#], 1.0).await;
    cache.invalidate(["page"]).await.unwrap();
    go.notify_one();
    asked.await.unwrap();
    counted(&recorder, REFUSED_STORES, &[r#"reason="invalidated""#], 1.0).await;
    counted(&recorder, FILLS, &[r#"outcome="refused""#], 1.0).await;
}

#[tokio::test]
async fn waiting_for_another_process_is_measured() {
    let recorder = Recorder::new();
    let _guard = recorder.install();
    let redis = testkit::redis().await;
    let here = cache(redis.url(), redis.namespace()).await;
    let there = cache(redis.url(), redis.namespace()).await;
    let go = Arc::new(Notify::new());
    let (first, second) = (held(&here, &go), held(&there, &go));
    let asked = tokio::spawn(async move { ask(&first, get("/")).await });
    counted(&recorder, REQUESTS, &[r#"result="lead""#], 1.0).await;
    let waits = tokio::spawn(async move { ask(&second, get("/")).await });
    // Each has looked, and looked again when it asked for the lease; whoever reads once more polls.
    let reads = [r#"class="read""#, r#"outcome="ok""#];
    eventually(SOON, async || recorder.sum(COMMANDS, &reads) > 4.0).await;
    go.notify_one();
    assert_eq!(asked.await.unwrap().text(), "page");
    assert_eq!(waits.await.unwrap().text(), "page");
    counted(&recorder, &format!("{LEASE_WAIT_SECONDS}_count"), &[], 1.0).await;
}

#[tokio::test]
async fn an_invalidation_that_is_not_acknowledged_is_shown_with_its_age() {
    let recorder = Recorder::new();
    let _guard = recorder.install();
    let redis = RedisServer::start().await;
    let cache = cache(&redis.url(), "shown").await;
    assert_eq!(cache.oldest_pending_invalidation(), None);
    let mut client = redis.client().await;
    client.words("CONFIG SET maxmemory 1").await;
    assert!(cache.invalidate(["page"]).await.is_err());
    assert!(cache.oldest_pending_invalidation().is_some());
    let age = || recorder.sum(PENDING_INVALIDATION_SECONDS, &[]);
    eventually(SOON, async || age() > 0.0).await;
    assert!(recorder.sum(PENDING_INVALIDATIONS, &[]) == 1.0);

    client.words("CONFIG SET maxmemory 0").await;
    eventually(SOON, async || cache.oldest_pending_invalidation().is_none()).await;
    assert!(age() == 0.0 && recorder.sum(PENDING_INVALIDATIONS, &[]) == 0.0);
}
