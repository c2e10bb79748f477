//! Serving what is not fresh any more: while it is refreshed, and when the handler fails (RFC 5861).

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get as route,
};
use futures_util::future::join_all;
use http_body_util::Full;
use testkit::eventually;
use tokio::sync::Semaphore;
use tower::{Layer, ServiceExt, service_fn};
use tower_keep_cache::{Cache, ResponseCacheLayer};

use super::{
    super::setup::{cache, shared},
    site::{Answer, Runs, SOON, Site, get, memory, request},
};

/// It comes with an age, and is stale by ten seconds at once.
const WHILE_REVALIDATE: &str = "max-age=60, stale-while-revalidate=600";
const IF_ERROR: &str = "max-age=60, stale-if-error=600";

#[derive(Clone)]
struct Page {
    runs: Runs,
    cache_control: &'static str,
    age: &'static str,
    failing: Arc<AtomicBool>,
    /// Each run takes one; with none left it waits.
    permits: Arc<Semaphore>,
    asked: Arc<Mutex<HeaderMap>>,
}

impl Page {
    fn new(cache_control: &'static str) -> Self {
        Self {
            runs: Runs::default(),
            cache_control,
            age: "70",
            failing: Arc::default(),
            permits: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            asked: Arc::default(),
        }
    }

    async fn serve(&self, layer: ResponseCacheLayer) -> Site {
        let router = Router::new().route("/page", route(answer)).layer(layer);
        Site::serve(router.with_state(self.clone())).await
    }

    fn fail(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }

    /// From now on runs wait.
    fn block(&self) {
        self.permits.forget_permits(Semaphore::MAX_PERMITS);
    }

    fn unblock(&self) {
        self.permits.add_permits(1000);
    }
}

async fn answer(State(page): State<Page>, asked: HeaderMap) -> Response {
    let run = page.runs.next();
    *page.asked.lock().unwrap() = asked;
    page.permits.acquire().await.unwrap().forget();
    if page.failing.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let head = [("cache-control", page.cache_control), ("age", page.age)];
    (head, run.to_string()).into_response()
}

async fn ask(site: &Site) -> Answer {
    site.get("/page").await
}

/// Asks until something stale is served: a client may be back before it is stored.
async fn stale(site: &Site) -> Answer {
    let mut answer = ask(site).await;
    eventually(SOON, async || {
        answer = ask(site).await;
        answer.handling().contains("ttl=-")
    })
    .await;
    answer
}

async fn caches() -> [Cache; 2] {
    [memory(), shared().await]
}

#[tokio::test]
async fn a_stale_entry_is_served_while_it_is_refreshed_behind_the_requests_back() {
    for cache in caches().await {
        let page = Page::new(WHILE_REVALIDATE);
        let site = page.serve(cache.layer()).await;
        assert_eq!(ask(&site).await.text(), "1");
        let served = stale(&site).await;
        assert!(
            served.handling().starts_with("tower-keep; hit; ttl=-1"),
            "{}",
            served.handling()
        );
        let runs = page.runs.count();
        // Nobody waits for a handler that does not answer.
        page.block();
        let call = request("GET", "/page", &[("x-client", "7")]);
        assert!(site.send(call).await.answer().await.is_hit());
        eventually(SOON, async || {
            assert!(ask(&site).await.is_hit());
            page.runs.count() > runs
        })
        .await;
        page.unblock();
        let last = page.runs.count().to_string();
        eventually(SOON, async || ask(&site).await.text() >= last.as_str()).await;
    }
}

#[tokio::test]
async fn a_refresh_asks_with_the_headers_of_the_request_that_found_it_stale() {
    let page = Page::new(WHILE_REVALIDATE);
    let site = page.serve(memory().layer()).await;
    ask(&site).await;
    stale(&site).await;
    eventually(SOON, async || {
        let call = request("GET", "/page", &[("x-client", "7"), ("range", "bytes=0-0")]);
        assert!(site.send(call).await.answer().await.is_hit());
        let asked = page.asked.lock().unwrap().clone();
        assert!(!asked.contains_key("range"));
        asked.contains_key("x-client")
    })
    .await;
}

#[tokio::test]
async fn one_process_of_the_fleet_refreshes() {
    let redis = testkit::redis().await;
    let page = Page::new(WHILE_REVALIDATE);
    let mut sites = Vec::new();
    for _ in 0..3 {
        let cache = cache(redis.url(), redis.namespace()).await;
        sites.push(page.serve(cache.layer()).await);
    }
    ask(&sites[0]).await;
    for site in &sites {
        stale(site).await;
    }
    page.block();
    let runs = page.runs.count();
    for _ in 0..10 {
        let answers = join_all(sites.iter().flat_map(|site| (0..5).map(move |_| ask(site)))).await;
        assert!(answers.iter().all(Answer::is_hit));
    }
    // One at most was on its way when they were blocked, and stays the only one.
    assert!(
        page.runs.count() <= runs + 1,
        "{} {runs}",
        page.runs.count()
    );
    page.unblock();
}

#[tokio::test]
async fn a_handler_that_fails_does_not_take_away_what_is_stored() {
    for cache in caches().await {
        let page = Page::new(IF_ERROR);
        let site = page.serve(cache.layer().tag("page")).await;
        // It is asked as long as it answers.
        assert_eq!(
            ask(&site).await.handling(),
            "tower-keep; fwd=uri-miss; stored"
        );
        eventually(SOON, async || {
            ask(&site).await.handling() == "tower-keep; fwd=stale; stored"
        })
        .await;
        page.fail(true);
        let mut failed = ask(&site).await;
        eventually(SOON, async || {
            failed = ask(&site).await;
            failed.status == StatusCode::OK
        })
        .await;
        let handling = failed.handling();
        let asked_in_vain = handling.starts_with("tower-keep; fwd=stale; fwd-status=503; ttl=-1");
        assert!(
            asked_in_vain || handling.starts_with("tower-keep; hit; ttl=-1"),
            "{handling}"
        );
        assert!(failed.header("age").is_some());
        // It is left alone for a second, and nobody waits for it.
        let runs = page.runs.count();
        let answers = join_all((0..20).map(|_| ask(&site))).await;
        assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
        assert!(page.runs.count() <= runs + 1, "{}", page.runs.count());
        // What was invalidated is never served again.
        cache.invalidate(["page"]).await.unwrap();
        assert_eq!(ask(&site).await.status, StatusCode::SERVICE_UNAVAILABLE);
        page.fail(false);
        assert_eq!(ask(&site).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn what_must_be_confirmed_is_not_served_when_it_cannot_be() {
    for cache_control in [
        "max-age=60, stale-if-error=600, must-revalidate",
        "max-age=60, stale-if-error=600, proxy-revalidate",
        "s-maxage=60, stale-if-error=600",
        "no-cache, stale-if-error=600",
        "max-age=60",
    ] {
        let page = Page::new(cache_control);
        let site = page.serve(memory().layer()).await;
        ask(&site).await;
        ask(&site).await;
        page.fail(true);
        let answer = ask(&site).await;
        assert_eq!(
            answer.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{cache_control}"
        );
    }
}

#[tokio::test]
async fn the_route_may_say_how_long_what_says_nothing_is_served_stale() {
    let page = Page::new("max-age=60");
    let layer = memory().layer().stale_if_error(Duration::from_secs(600));
    let site = page.serve(layer).await;
    ask(&site).await;
    eventually(SOON, async || {
        ask(&site).await.handling().contains("fwd=stale")
    })
    .await;
    page.fail(true);
    eventually(SOON, async || ask(&site).await.status == StatusCode::OK).await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_stale_gets_the_failure() {
    let page = Page::new(IF_ERROR);
    let site = page.serve(memory().layer()).await;
    ask(&site).await;
    eventually(SOON, async || {
        ask(&site).await.handling().contains("fwd=stale")
    })
    .await;
    page.fail(true);
    eventually(SOON, async || ask(&site).await.status == StatusCode::OK).await;
    let call = request("GET", "/page", &[("cache-control", "no-cache")]);
    let answer = site.send(call).await.answer().await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn after_the_soft_deadline_what_is_stored_is_served_and_the_run_goes_on() {
    for cache in caches().await {
        let page = Page {
            age: "59",
            ..Page::new(IF_ERROR)
        };
        let layer = cache.layer().soft_deadline(Duration::from_millis(50));
        let site = page.serve(layer).await;
        site.hit("/page").await;
        page.block();
        // It is fresh for another second.
        let mut answer = ask(&site).await;
        eventually(SOON, async || {
            answer = ask(&site).await;
            !answer.is_hit()
        })
        .await;
        assert!(
            answer
                .handling()
                .starts_with("tower-keep; fwd=stale; ttl=-"),
            "{}",
            answer.handling()
        );
        // All who come meanwhile wait for the same run, and for no longer.
        let runs = page.runs.count();
        let answers = join_all((0..20).map(|_| ask(&site))).await;
        assert!(answers.iter().all(|answer| answer.text() == "1"));
        assert_eq!(page.runs.count(), runs);
        page.unblock();
        eventually(SOON, async || ask(&site).await.text() != "1").await;
    }
}

#[tokio::test]
async fn a_dear_entry_is_refreshed_before_its_time_and_nobody_waits() {
    let runs = Runs::default();
    let counted = runs.clone();
    let handler = move || {
        let run = counted.next();
        async move {
            tokio::time::sleep(Duration::from_millis(400)).await;
            run.to_string()
        }
    };
    let layer = memory().layer().ttl(Duration::from_secs(3));
    let site = Site::serve(Router::new().route("/page", route(handler)).layer(layer)).await;
    site.hit("/page").await;
    // Nothing stale is served here: a hit while a later run is on its way is a fresh one.
    eventually(SOON, async || {
        let answer = ask(&site).await;
        answer.is_hit() && answer.text() != runs.count().to_string()
    })
    .await;
}

#[tokio::test]
async fn an_error_of_the_service_is_a_failure_too() {
    let failing = Arc::new(AtomicBool::new(false));
    let fails = Arc::clone(&failing);
    let service = memory()
        .layer()
        .layer(service_fn(move |_: http::Request<_>| {
            let fails = fails.load(Ordering::SeqCst);
            async move {
                if fails {
                    return Err(io::Error::other("no route to host"));
                }
                let response = http::Response::builder()
                    .header("cache-control", IF_ERROR)
                    .header("age", "70")
                    .body(Full::from("page"));
                Ok(response.unwrap())
            }
        }));
    let ask = async || service.clone().oneshot(get("/page")).await;
    Answer::of(ask().await.unwrap()).await;
    eventually(SOON, async || {
        Answer::of(ask().await.unwrap())
            .await
            .handling()
            .contains("fwd=stale")
    })
    .await;
    failing.store(true, Ordering::SeqCst);
    let answers = join_all((0..20).map(|_| ask())).await;
    for answer in answers {
        assert_eq!(Answer::of(answer.unwrap()).await.text(), "page");
    }
}

#[tokio::test]
async fn a_page_that_has_become_private_is_no_failure() {
    let runs = Runs::default();
    let counted = runs.clone();
    let says = move || {
        let run = counted.next();
        let says = if run == 1 { "max-age=0" } else { "private" };
        async move { ([("cache-control", says)], format!("run {run}")) }
    };
    let layer = memory().layer().stale_if_error(Duration::from_secs(60));
    let site = Site::serve(Router::new().route("/page", route(says).layer(layer))).await;
    for run in 1..8 {
        assert_eq!(site.get("/page").await.text(), format!("run {run}"));
    }
}
