//! Which tags an entry gets, and that an edit of what it was made from is seen.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{Extension, Router, extract::Path, routing::get as route};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use tower::service_fn;
use tower_keep_cache::{Cache, Freshness, Tags};
use tower_layer::Layer;

use super::{
    super::setup::shared,
    site::{MINUTE, Runs, Site, ask, get, hit, memory, request},
};

/// A row with a price.
#[derive(Clone, Default)]
struct Price(Arc<AtomicU64>);

impl Price {
    fn read(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// An edit of the row, as a handler does it: the write, then the invalidation.
    async fn write(&self, cache: &Cache, price: u64, tag: &str) {
        self.0.store(price, Ordering::SeqCst);
        cache.invalidate([tag]).await.unwrap();
    }
}

#[tokio::test]
async fn an_edit_of_a_row_is_seen_under_every_spelling_of_its_path() {
    let (cache, price) = (memory(), Price::default());
    let row = price.clone();
    let product = route(move |Path(id): Path<String>| {
        let number: u64 = id.parse().unwrap();
        let text = format!("{id} costs {}", row.read());
        async move { (Tags::from([format!("product:{number}")]), text) }
    });
    let layer = cache.layer().ttl(MINUTE).tag("product:{id}");
    let site = Site::serve(Router::new().route("/products/{id}", product.layer(layer))).await;
    assert_eq!(site.hit("/products/007").await.text(), "007 costs 0");
    assert_eq!(site.hit("/products/7").await.text(), "7 costs 0");

    price.write(&cache, 5, "product:7").await;
    assert_eq!(site.get("/products/007").await.text(), "007 costs 5");
    assert_eq!(site.get("/products/7").await.text(), "7 costs 5");

    // The tag of the path is its text.
    site.hit("/products/007").await;
    price.write(&cache, 6, "product:007").await;
    assert_eq!(site.get("/products/007").await.text(), "007 costs 6");
}

#[tokio::test]
async fn tags_come_as_an_extension_too() {
    let (cache, price) = (memory(), Price::default());
    let row = price.clone();
    let page = route(move || {
        let price = row.read();
        async move { (Extension(Tags::from(["bestsellers"])), price.to_string()) }
    });
    let site = Site::serve(Router::new().route("/", page.layer(cache.layer().ttl(MINUTE)))).await;
    assert_eq!(site.hit("/").await.text(), "0");
    price.write(&cache, 1, "bestsellers").await;
    assert_eq!(site.get("/").await.text(), "1");
}

#[tokio::test]
async fn what_a_handler_reads_from_the_cache_tags_its_answer() {
    let (cache, price) = (memory(), Price::default());
    let (inner, row) = (cache.clone(), price.clone());
    let layered = cache.layer().ttl(MINUTE);
    let page = route(move || {
        let (inner, row) = (inner.clone(), row.clone());
        async move {
            let freshness = Freshness::ttl(MINUTE).tags(["price"]);
            let price = inner.get_or_load("price", freshness, move || async move {
                Ok::<_, Infallible>(row.read())
            });
            price.await.unwrap().to_string()
        }
    });
    let site = Site::serve(Router::new().route("/", page.layer(layered))).await;
    assert_eq!(site.hit("/").await.text(), "0");
    price.write(&cache, 1, "price").await;
    assert_eq!(site.get("/").await.text(), "1");
    // Also where the value was a hit when the page was made.
    site.hit("/").await;
    cache.invalidate(["unrelated"]).await.unwrap();
    price.write(&cache, 2, "price").await;
    assert_eq!(site.get("/").await.text(), "2");
}

#[tokio::test]
async fn tags_can_be_read_from_the_request() {
    let (cache, price) = (memory(), Price::default());
    let row = price.clone();
    let layer = cache
        .layer()
        .ttl(MINUTE)
        .tag_with(|parts| parts.uri.query().map(|query| format!("query:{query}")));
    let service = layer.layer(service_fn(move |_: Request<Empty<Bytes>>| {
        let price = row.read().to_string();
        async move { Ok::<_, Infallible>(Response::new(Full::from(price))) }
    }));
    assert_eq!(hit(&service, "/?a").await.text(), "0");
    price.write(&cache, 1, "query:b").await;
    assert_eq!(ask(&service, get("/?a")).await.text(), "0");
    price.write(&cache, 2, "query:a").await;
    assert_eq!(ask(&service, get("/?a")).await.text(), "2");
}

#[tokio::test]
async fn a_tag_of_a_parameter_that_the_route_lacks_keeps_it_out_of_the_cache() {
    let runs = Runs::default();
    let counted = runs.clone();
    let page = route(move |Path(name): Path<String>| {
        counted.next();
        async move { name }
    });
    let layer = memory().layer().ttl(MINUTE).tag("product:{id}");
    let site = Site::serve(Router::new().route("/{name}", page.layer(layer))).await;
    for run in 1..=2 {
        let answer = site.get("/lamp").await;
        assert_eq!(
            (answer.text(), answer.handling()),
            ("lamp", "tower-keep; fwd=bypass; detail=tag")
        );
        assert_eq!(runs.count(), run);
    }
}

#[tokio::test]
async fn a_layer_inside_another_one_hands_its_tags_outward() {
    for inner_name in ["", "inner"] {
        let (cache, price) = (memory(), Price::default());
        let row = price.clone();
        let page = route(move |Path(_): Path<String>| {
            let price = row.read().to_string();
            async move { (Tags::from(["row"]), price) }
        });
        let inner = cache
            .layer()
            .ttl(MINUTE)
            .tag("product:{id}")
            .name(inner_name);
        let router = Router::new()
            .route("/{id}", page.layer(inner))
            .layer(cache.layer().ttl(MINUTE));
        let site = Site::serve(router).await;
        for (edit, tag) in [(1, "product:7"), (2, "row")] {
            site.hit("/7").await;
            price.write(&cache, edit, tag).await;
            assert_eq!(
                site.get("/7").await.text(),
                edit.to_string(),
                "inner layer {inner_name:?}, tag {tag}"
            );
        }
    }
}

#[tokio::test]
async fn a_hit_of_a_layer_inside_another_one_hands_its_tags_outward() {
    let (cache, price) = (memory(), Price::default());
    let row = price.clone();
    let page = route(move || {
        let price = row.read().to_string();
        async move { (Tags::from(["row"]), price) }
    });
    let inner = page.layer(cache.layer().ttl(MINUTE).name("inner"));
    let outer = cache.layer().ttl(MINUTE).tag("outer");
    let site = Site::serve(Router::new().route("/", inner).layer(outer)).await;
    site.hit("/").await;

    // Only the outer page is made again, of the inner one.
    cache.invalidate(["outer"]).await.unwrap();
    let again = site.get("/").await;
    assert!(
        again.headers["cache-status"]
            .to_str()
            .unwrap()
            .contains("; hit")
    );
    site.hit("/").await;

    price.write(&cache, 1, "row").await;
    assert_eq!(site.get("/").await.text(), "1");
}

/// Also what a handler takes from the cache only if it is there.
#[tokio::test]
async fn a_part_that_was_only_looked_up_tags_the_whole() {
    let cache = shared().await;
    let price = Price::default();
    let row = price.clone();
    let part = cache
        .layer()
        .ttl(MINUTE)
        .name("part")
        .tag_with(|_| Some("row".to_owned()))
        .layer(service_fn(move |_: Request<Empty<Bytes>>| {
            let price = row.read().to_string();
            async move { Ok::<_, Infallible>(Response::new(Full::from(price))) }
        }));
    let whole = {
        let part = part.clone();
        let layer = cache.layer().ttl(MINUTE).name("whole");
        layer.layer(service_fn(move |_: Request<Empty<Bytes>>| {
            let part = part.clone();
            async move {
                let only = request("GET", "/", &[("cache-control", "only-if-cached")]);
                Ok::<_, Infallible>(Response::new(Full::from(ask(&part, only).await.body)))
            }
        }))
    };
    hit(&part, "/").await;
    assert_eq!(hit(&whole, "/").await.text(), "0");
    price.write(&cache, 1, "row").await;
    hit(&part, "/").await;
    assert_eq!(ask(&whole, get("/")).await.text(), "1");
}

#[test]
#[should_panic(expected = "a brace has no partner")]
fn a_tag_that_is_no_template_is_refused_at_the_start() {
    let _ = memory().layer().tag("product:{id");
}
