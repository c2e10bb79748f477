//! Which requests are for one resource: what a route may say about query and host, and what attackers make of it.

use axum::{
    Router,
    extract::{OriginalUri, RawQuery},
    routing::get as route,
};
use http::Uri;

use super::site::{MINUTE, Runs, Site, memory, request};

/// A page that tells all it sees of its own address.
fn pages(runs: &Runs) -> axum::routing::MethodRouter {
    let runs = runs.clone();
    route(
        async move |uri: Uri, OriginalUri(sent): OriginalUri, RawQuery(query): RawQuery| {
            format!("{} {uri} {sent} {query:?}", runs.next())
        },
    )
}

#[tokio::test]
async fn parameters_that_are_not_in_the_key_do_not_reach_the_handler() {
    let runs = Runs::default();
    let layer = memory().layer().ttl(MINUTE).query_keys(["page", "sort"]);
    let inner = Router::new().route("/list", pages(&runs).layer(layer));
    let site = Site::serve(Router::new().nest("/shop", inner)).await;

    let expected = "1 /list?page=2&sort=up /shop/list?page=2&sort=up Some(\"page=2&sort=up\")";
    let first = site.get("/shop/list?utm=%3Cscript%3E&sort=up&page=2").await;
    assert_eq!(first.text(), expected);
    let second = site.hit("/shop/list?page=2&&sort=up&utm=other").await;
    assert_eq!(second.text(), expected);

    // The same name in other letters is the same parameter to the handler, and another entry here.
    let spelled = site.get("/shop/list?p%61ge=2&sort=up").await;
    assert!(
        spelled.text().starts_with("2 /list?p%61ge=2"),
        "{spelled:?}"
    );
    let upper = site.get("/shop/list?PAGE=7&page=2&sort=up").await;
    assert_eq!(upper.text(), expected);
}

#[tokio::test]
async fn a_request_that_bypasses_the_cache_keeps_all_parameters() {
    let runs = Runs::default();
    let layer = memory().layer().ttl(MINUTE).query_keys([]);
    let site = Site::serve(Router::new().route("/", pages(&runs).layer(layer))).await;
    let own = request("GET", "/?a=1", &[("cookie", "session=1")]);
    let answer = site.send(own).await.answer().await;
    assert_eq!(answer.text(), "1 /?a=1 /?a=1 Some(\"a=1\")");
    assert_eq!(site.get("/?a=1").await.text(), "2 / / None");
}

#[tokio::test]
async fn a_sorted_query_is_one_entry_in_any_order() {
    let runs = Runs::default();
    let layer = memory().layer().ttl(MINUTE).sorted_query();
    let site = Site::serve(Router::new().route("/", pages(&runs).layer(layer))).await;
    let first = site.get("/?b=1&a=1&b=0").await;
    assert!(first.text().starts_with("1 /?b=1&a=1&b=0 "), "{first:?}");
    assert_eq!(site.hit("/?a=1&b=1&b=0").await.text(), first.text());
    // Of two parameters with one name, the order may be the meaning.
    let other = site.get("/?b=0&a=1&b=1").await;
    assert!(other.text().starts_with("2 "), "{other:?}");
}

#[tokio::test]
async fn hosts_that_are_not_ours_fill_no_cache() {
    let runs = Runs::default();
    let layer = memory().layer().ttl(MINUTE).hosts(["Shop.example"]);
    let site = Site::serve(Router::new().route("/", pages(&runs).layer(layer))).await;
    let ask = async |host: &str| {
        let request = request(
            "GET",
            "/",
            &[("host", host), ("x-forwarded-host", "shop.example")],
        );
        site.send(request).await.answer().await
    };
    for _ in 0..2 {
        let foreign = ask("made-up.example").await;
        assert_eq!(foreign.handling(), "tower-keep; fwd=bypass; detail=host");
    }
    assert_eq!(runs.count(), 2);
    assert_eq!(
        ask("shop.example").await.handling(),
        "tower-keep; fwd=uri-miss; stored"
    );
    testkit::eventually(super::site::SOON, async || {
        ask("SHOP.example").await.is_hit()
    })
    .await;
}
