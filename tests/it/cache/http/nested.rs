//! Caches around caches: what the inner one knows reaches the outer one, and nothing is done twice.

use std::{convert::Infallible, time::Duration};

use axum::{Router, extract::Path, routing::get as route};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use testkit::RedisServer;
use tower::service_fn;
use tower_keep_cache::{Cache, Freshness, ResponseCacheLayer};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    super::setup::cache,
    site::{MINUTE, Runs, Site, ask, get, hit, memory, request},
};

type Ask = Request<Empty<Bytes>>;

/// A handler that answers with the number of its run, inside two layers.
fn numbered(
    outer: &ResponseCacheLayer,
    inner: &ResponseCacheLayer,
    runs: &Runs,
) -> impl Service<
    Ask,
    Response = Response<tower_keep_core::Body<tower_keep_core::Body<Full<Bytes>>>>,
    Error = Infallible,
    Future: Send,
> + Clone
+ use<> {
    let runs = runs.clone();
    outer.layer(inner.layer(service_fn(move |_: Ask| {
        let run = runs.next();
        async move { Ok(Response::new(Full::from(run.to_string()))) }
    })))
}

#[tokio::test]
async fn a_layer_that_has_no_part_in_a_request_still_hands_its_tags_outward() {
    let cache = memory();
    let outer = cache.layer().ttl(MINUTE).ignore_cookies();
    for name in ["", "inner"] {
        let inner = cache.layer().ttl(MINUTE).tag("row").name(name);
        let runs = Runs::default();
        let service = numbered(&outer, &inner, &runs);
        cache.flush().await.unwrap();
        // Its cookie lets it pass by the inner layer only.
        ask(&service, request("GET", "/", &[("cookie", "a=b")])).await;
        hit(&service, "/").await;
        let before = runs.count();
        cache.invalidate(["row"]).await.unwrap();
        ask(&service, get("/")).await;
        assert_eq!(runs.count(), before + 1, "inner layer {name:?}");
    }
}

#[tokio::test]
async fn a_layer_whose_answers_it_cannot_keep_still_hands_its_tags_outward() {
    let cache = memory();
    let outer = cache.layer().ttl(MINUTE).tag("outer");
    // No fill may begin there: every request goes on by itself.
    let busy = memory().max_fills(0);
    let inner = busy.layer().ttl(MINUTE).tag("row").name("inner");
    let runs = Runs::default();
    let service = numbered(&outer, &inner, &runs);
    hit(&service, "/").await;
    cache.invalidate(["row"]).await.unwrap();
    assert_eq!(ask(&service, get("/")).await.text(), "2");
}

#[tokio::test]
async fn a_layer_inside_itself_does_not_look_again() {
    let server = RedisServer::start().await;
    let cache = cache(&server.url(), "keep").await;
    let runs = Runs::default();
    let layer = cache.layer().ttl(MINUTE);
    let service = numbered(&layer, &layer, &runs);
    let answer = ask(&service, get("/")).await;
    let handled = answer.headers.get_all("cache-status").iter();
    assert_eq!(
        handled.collect::<Vec<_>>(),
        ["tower-keep; fwd=uri-miss; stored"]
    );
    // A miss looks, and once more as it asks for the lease.
    let counts = server.client().await.words("INFO commandstats").await;
    assert!(
        format!("{counts:?}").contains("cmdstat_mget:calls=2,"),
        "{counts:?}"
    );
    hit(&service, "/").await;
    assert_eq!(runs.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_layer_inside_itself_does_not_wait_again() {
    let cache = memory().wait_timeout(Duration::from_secs(5));
    let runs = Runs::default();
    let counted = runs.clone();
    let layer = cache.layer().ttl(MINUTE);
    let service = layer.layer(layer.layer(service_fn(move |_: Ask| {
        let run = counted.next();
        async move {
            if run == 1 {
                std::future::pending::<()>().await;
            }
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(run.to_string())))
        }
    })));
    let stuck = service.clone();
    let stuck = tokio::spawn(async move { ask(&stuck, get("/")).await });
    runs.reach(1).await;
    let began = tokio::time::Instant::now();
    assert_eq!(ask(&service, get("/")).await.text(), "2");
    assert!(began.elapsed() < Duration::from_secs(6));
    stuck.abort();
}

#[tokio::test]
async fn the_time_that_an_inner_layer_says_counts_where_the_outer_one_says_none() {
    let cache = memory();
    let runs = Runs::default();
    let service = numbered(&cache.layer(), &cache.layer().ttl(MINUTE), &runs);
    hit(&service, "/").await;
    assert_eq!(runs.count(), 1);

    let shorter = cache.layer().ttl(Duration::from_secs(5)).name("shorter");
    let longer = cache.layer().ttl(MINUTE).name("shorter");
    for (outer, inner) in [(&shorter, &longer), (&longer, &shorter)] {
        cache.flush().await.unwrap();
        let service = numbered(outer, inner, &Runs::default());
        let found = hit(&service, "/").await;
        let left = found.handling().strip_prefix("tower-keep; hit; ttl=");
        assert!(left.unwrap().parse::<u64>().unwrap() <= 5);
    }
}

#[tokio::test]
async fn two_tiers_with_the_same_key_both_keep_what_they_are_given() {
    let (near, far) = (memory(), memory());
    let runs = Runs::default();
    let service = numbered(
        &near.layer().ttl(MINUTE),
        &far.layer().ttl(MINUTE).tag("row"),
        &runs,
    );
    hit(&service, "/").await;
    near.flush().await.unwrap();
    hit(&service, "/").await;
    assert_eq!(runs.count(), 1, "the far one has kept it");
    near.invalidate(["row"]).await.unwrap();
    far.invalidate(["row"]).await.unwrap();
    assert_eq!(ask(&service, get("/")).await.text(), "2");
}

#[tokio::test]
async fn two_tiers_of_values_with_the_same_key_both_keep_them() {
    let (near, far) = (memory(), memory());
    let runs = Runs::default();
    let load = async || {
        let (far, runs) = (far.clone(), runs.clone());
        let value = near.get_or_load("price", Freshness::ttl(MINUTE), move || async move {
            let load = move || async move { Ok::<_, Infallible>(runs.next()) };
            far.get_or_load("price", Freshness::ttl(MINUTE), load).await
        });
        value.await.unwrap()
    };
    assert_eq!(load().await, 1);
    near.flush().await.unwrap();
    assert_eq!(load().await, 1, "the far one has kept it");
}

#[tokio::test]
async fn parameters_of_all_routers_on_the_way_are_known_to_a_template() {
    let cache: Cache = memory();
    let runs = Runs::default();
    let counted = runs.clone();
    let item = route(move |Path((shop, id)): Path<(String, String)>| {
        let run = counted.next();
        async move { format!("{shop} {id} {run}") }
    });
    let shop = Router::new().route(
        "/items/{id}",
        item.layer(cache.layer().ttl(MINUTE).tag("{shop}:{id}")),
    );
    let site = Site::serve(Router::new().nest("/shops/{shop}", shop)).await;
    site.hit("/shops/one/items/7").await;
    site.hit("/shops/two/items/7").await;
    cache.invalidate(["one:7"]).await.unwrap();
    assert_eq!(site.get("/shops/one/items/7").await.text(), "one 7 3");
    assert_eq!(site.get("/shops/two/items/7").await.text(), "two 7 2");
    // Percent-decoded, as the handler sees it.
    site.hit("/shops/a%20b/items/%C3%A9").await;
    cache.invalidate(["a b:é"]).await.unwrap();
    assert!(!site.get("/shops/a%20b/items/%C3%A9").await.is_hit());
    // What is no text has no tag, and is not kept.
    let answer = site.get("/shops/one/items/%ff").await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.handling(), "tower-keep; fwd=bypass; detail=tag");
}
