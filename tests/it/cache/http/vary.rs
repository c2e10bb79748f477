//! Pages that are not the same for every request.

use std::{convert::Infallible, time::Duration};

use axum::{Router, http::HeaderMap, response::IntoResponse, routing::get as route};
use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use tokio::time::sleep;
use tower::service_fn;
use tower_keep_cache::{Cache, ResponseCacheLayer};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    super::setup::{cache, shared},
    site::{Answer, MINUTE, Runs, Site, ask, memory, request},
};

type Asks = &'static [(&'static str, &'static str)];

/// A page that says in which language it is, and in which run it was made; it varies on what `vary` says.
fn page(
    layer: &ResponseCacheLayer,
    runs: &Runs,
    vary: fn(usize) -> &'static str,
) -> impl Service<
    Request<Empty<Bytes>>,
    Response = Response<tower_keep_core::Body<Full<Bytes>>>,
    Error = Infallible,
    Future: Send,
> + Clone
+ use<> {
    let runs = runs.clone();
    layer.layer(service_fn(move |request: Request<Empty<Bytes>>| {
        let run = runs.next();
        let language = request.headers().get("accept-language");
        let language = language.map_or("none", |value| value.to_str().unwrap());
        let response = Response::builder()
            .header("vary", vary(run))
            .body(Full::from(format!("{language} {run}")));
        async move { Ok(response.unwrap()) }
    }))
}

async fn get<S, B>(service: &S, asks: Asks) -> Answer
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    ask(service, request("GET", "/", asks)).await
}

const GERMAN: Asks = &[("accept-language", "de")];
const FRENCH: Asks = &[("accept-language", "fr")];

async fn both() -> [Cache; 2] {
    [memory(), shared().await]
}

#[tokio::test]
async fn each_request_gets_its_own_variant_from_the_first_answer_on() {
    for cache in both().await {
        let runs = Runs::default();
        let service = page(&cache.layer().ttl(MINUTE), &runs, |_| "Accept-Language");
        for (asks, text, hit) in [
            (GERMAN, "de 1", false),
            (GERMAN, "de 1", true),
            (FRENCH, "fr 2", false),
            (GERMAN, "de 1", true),
            (FRENCH, "fr 2", true),
            (&[], "none 3", false),
            (&[], "none 3", true),
        ] {
            let answer = get(&service, asks).await;
            assert_eq!((answer.text(), answer.is_hit()), (text, hit), "{cache:?}");
            assert_eq!(answer.header("vary"), Some("Accept-Language"));
        }
        let said = get(&service, &[("accept-language", "it")]).await;
        assert_eq!(said.handling(), "tower-keep; fwd=vary-miss; stored");
    }
}

#[tokio::test]
async fn another_process_finds_each_variant_too() {
    let redis = testkit::redis().await;
    let runs = Runs::default();
    let serve = async || {
        let cache = cache(redis.url(), redis.namespace()).await;
        let layer = cache.layer().ttl(MINUTE).tag("page");
        page(&layer, &runs, |_| "Accept-Language, X-Theme")
    };
    let first = serve().await;
    get(&first, GERMAN).await;
    get(&first, FRENCH).await;
    let second = serve().await;
    for service in [&first, &second] {
        assert_eq!(get(service, FRENCH).await.text(), "fr 2");
        assert_eq!(get(service, GERMAN).await.text(), "de 1");
    }
    assert_eq!(runs.count(), 2);
}

#[tokio::test]
async fn what_means_the_same_gets_the_same() {
    let runs = Runs::default();
    let service = page(
        &memory().layer().ttl(MINUTE),
        &runs,
        |_| "Accept-Language, Accept-Encoding, Foo",
    );
    let ways: [Asks; 3] = [
        &[
            ("accept-language", "en, de"),
            ("foo", "1, 2"),
            ("accept-encoding", "gzip,br"),
        ],
        &[
            ("accept-language", "DE ,eN"),
            ("foo", "1"),
            ("foo", "2"),
            ("accept-encoding", "br, gzip"),
        ],
        &[
            ("accept-language", "de"),
            ("accept-language", "en"),
            ("foo", "1,2"),
            ("accept-encoding", "BR,gzip"),
        ],
    ];
    for asks in ways {
        get(&service, asks).await;
    }
    assert_eq!(runs.count(), 1);
    let others: [Asks; 3] = [
        &[
            ("accept-language", "en, de"),
            ("foo", "2, 1"),
            ("accept-encoding", "gzip,br"),
        ],
        &[
            ("accept-language", "en, de;q=0.5"),
            ("foo", "1, 2"),
            ("accept-encoding", "gzip,br"),
        ],
        &[("accept-language", "en, de"), ("foo", "1, 2")],
    ];
    for asks in others {
        assert!(!get(&service, asks).await.is_hit(), "{asks:?}");
    }
}

#[tokio::test]
async fn an_asterisk_is_for_one_request_only() {
    for vary in [|_| "*", |_| "Accept-Language, *"] as [fn(usize) -> &'static str; 2] {
        let runs = Runs::default();
        let service = page(&memory().layer().ttl(MINUTE), &runs, vary);
        for run in 1..4 {
            let answer = get(&service, GERMAN).await;
            assert!(!answer.handling().contains("stored"));
            assert_eq!(runs.count(), run);
        }
    }
}

#[tokio::test]
async fn what_a_page_varies_on_may_change() {
    for cache in both().await {
        let runs = Runs::default();
        let layer = cache.layer().ttl(MINUTE).tag("page");
        let service = page(&layer, &runs, |run| match run {
            1 => "Accept-Language",
            2 => "X-Theme",
            3 => "Host",
            _ => "Accept-Language",
        });
        const DARK: Asks = &[("accept-language", "de"), ("x-theme", "dark")];
        const LIGHT: Asks = &[("accept-language", "fr"), ("x-theme", "light")];
        assert_eq!(get(&service, DARK).await.text(), "de 1");
        assert_eq!(get(&service, DARK).await.text(), "de 1");
        cache.invalidate(["page"]).await.unwrap();
        assert_eq!(get(&service, DARK).await.text(), "de 2");
        assert_eq!(get(&service, DARK).await.text(), "de 2");
        // It varies on its theme now, not on the language.
        const DARK_FRENCH: Asks = &[("accept-language", "fr"), ("x-theme", "dark")];
        assert_eq!(get(&service, DARK_FRENCH).await.text(), "de 2");
        cache.invalidate(["page"]).await.unwrap();
        assert_eq!(get(&service, DARK).await.text(), "de 3");
        assert_eq!(get(&service, LIGHT).await.text(), "de 3", "one for all");
        cache.invalidate(["page"]).await.unwrap();
        assert_eq!(get(&service, DARK).await.text(), "de 4");
        assert_eq!(get(&service, LIGHT).await.text(), "fr 5");
        assert_eq!(get(&service, DARK).await.text(), "de 4");
    }
}

#[tokio::test]
async fn an_invalidation_reaches_every_variant() {
    for cache in both().await {
        let runs = Runs::default();
        let layer = cache.layer().ttl(MINUTE).tag("page");
        let service = page(&layer, &runs, |_| "Accept-Language");
        get(&service, GERMAN).await;
        get(&service, FRENCH).await;
        cache.invalidate(["page"]).await.unwrap();
        assert_eq!(get(&service, GERMAN).await.text(), "de 3");
        assert_eq!(get(&service, FRENCH).await.text(), "fr 4");
    }
}

#[tokio::test]
async fn a_page_has_only_so_many_variants() {
    let runs = Runs::default();
    let layer = memory().layer().ttl(MINUTE).max_variants(2);
    let service = page(&layer, &runs, |_| "Accept-Language");
    for asks in [GERMAN, FRENCH] {
        get(&service, asks).await;
    }
    const ITALIAN: Asks = &[("accept-language", "it")];
    for _ in 0..2 {
        let answer = get(&service, ITALIAN).await;
        assert_eq!(answer.handling(), "tower-keep; fwd=vary-miss");
    }
    for asks in [GERMAN, FRENCH] {
        assert!(get(&service, asks).await.is_hit());
    }
}

#[tokio::test]
async fn a_header_of_the_key_is_told_apart_without_vary() {
    let runs = Runs::default();
    let layer = memory()
        .layer()
        .ttl(MINUTE)
        .key_headers(["Accept-Language"]);
    for vary in [|_| "Host", |_| "accept-language"] as [fn(usize) -> &'static str; 2] {
        let service = page(&layer, &runs, vary);
        let texts = async |asks| get(&service, asks).await.text().to_owned();
        let (german, french) = (texts(GERMAN).await, texts(FRENCH).await);
        assert!(german.starts_with("de ") && french.starts_with("fr "));
        assert_eq!((texts(GERMAN).await, texts(FRENCH).await), (german, french));
        assert!(get(&service, &[("accept-language", " DE")]).await.is_hit());
    }
    assert_eq!(runs.count(), 2);
}

/// Whoever waits for a page of which nobody knows yet that it has variants gets no one else's.
#[tokio::test]
async fn a_crowd_for_a_new_page_is_sorted_by_what_its_members_ask_for() {
    for cache in both().await {
        let (runs, arrived) = (Runs::default(), Runs::default());
        let handler = {
            let (runs, arrived) = (runs.clone(), arrived.clone());
            route(move |headers: HeaderMap| {
                let (run, arrived) = (runs.next(), arrived.clone());
                async move {
                    // All of them wait for the first run.
                    while run == 1 && arrived.count() < 40 {
                        sleep(Duration::from_millis(5)).await;
                    }
                    let language = headers["accept-language"].to_str().unwrap().to_owned();
                    ([("vary", "Accept-Language")], language).into_response()
                }
            })
        };
        let counted = arrived.clone();
        let arrivals = tower::util::MapRequestLayer::new(move |request: axum::extract::Request| {
            counted.next();
            request
        });
        let cache = cache.wait_timeout(MINUTE);
        let layered = handler.layer(cache.layer().ttl(MINUTE));
        let site = Site::serve(Router::new().route("/", layered).layer(arrivals)).await;
        let asks = (0..40).map(async |number| {
            let language = ["de", "fr", "it", "es"][number % 4];
            let asks = request("GET", "/", &[("accept-language", language)]);
            let answer = site.send(asks).await.answer().await;
            assert_eq!(answer.text(), language);
        });
        join_all(asks).await;
        assert_eq!(runs.count(), 4, "one run for each language");
    }
}

#[tokio::test]
async fn a_page_that_is_confirmed_for_one_reader_alone_is_not_everybodys() {
    let runs = Runs::default();
    let counted = runs.clone();
    let service = memory()
        .layer()
        .layer(service_fn(move |request: Request<Empty<Bytes>>| {
            let language = request.headers()["accept-language"].clone();
            let known = request.headers().contains_key("if-none-match");
            let first = counted.next() == 1;
            let mut response = Response::builder().header("etag", "\"1\"");
            response = match first {
                true => response.header("cache-control", "max-age=0"),
                false => response
                    .header("cache-control", "max-age=60")
                    .header("vary", "accept-language"),
            };
            let text = language.to_str().unwrap().to_owned();
            let response = match known && text == "de" {
                true => response.status(304).body(Full::default()),
                false => response.body(Full::from(text)),
            };
            async move { Ok::<_, Infallible>(response.unwrap()) }
        }));
    assert_eq!(get(&service, GERMAN).await.text(), "de");
    testkit::eventually(super::site::SOON, async || {
        let answer = get(&service, GERMAN).await;
        assert_eq!(answer.text(), "de");
        answer.handling().contains("fwd-status=304")
    })
    .await;
    for _ in 0..3 {
        assert_eq!(get(&service, FRENCH).await.text(), "fr");
        assert_eq!(get(&service, GERMAN).await.text(), "de");
    }
}
