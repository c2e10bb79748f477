//! Asking the handler whether what is stored is still good (RFC 9111 section 4.3).

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get as route,
};
use testkit::eventually;
use tower_keep_cache::Cache;

use super::{
    super::setup::shared,
    site::{Answer, Runs, SOON, Site, memory, request},
};

const CHANGED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// A page with a tag, and how its handler answers.
#[derive(Clone)]
struct Page {
    runs: Runs,
    etag: Arc<Mutex<&'static str>>,
    cache_control: Arc<Mutex<&'static str>>,
    /// What the last run was asked with.
    asked: Arc<Mutex<HeaderMap>>,
    /// It is made of a row.
    row: Arc<AtomicBool>,
}

impl Page {
    fn new(cache_control: &'static str) -> Self {
        Self {
            runs: Runs::default(),
            etag: Arc::new(Mutex::new("\"1\"")),
            cache_control: Arc::new(Mutex::new(cache_control)),
            asked: Arc::default(),
            row: Arc::default(),
        }
    }

    async fn serve(&self, cache: &Cache) -> Site {
        let router = Router::new()
            .route("/page", route(answer))
            .layer(cache.layer().tag("page"));
        Site::serve(router.with_state(self.clone())).await
    }

    /// What the last run was asked with.
    fn asked(&self, name: &str) -> Option<String> {
        let asked = self.asked.lock().unwrap();
        asked
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    }

    fn change_to(&self, etag: &'static str) {
        *self.etag.lock().unwrap() = etag;
    }

    fn add_row(&self, add: bool) {
        self.row.store(add, Ordering::SeqCst);
    }

    fn say(&self, cache_control: &'static str) {
        *self.cache_control.lock().unwrap() = cache_control;
    }
}

async fn answer(State(page): State<Page>, asked: HeaderMap) -> Response {
    let run = page.runs.next().to_string();
    if page.row.load(Ordering::SeqCst) {
        Cache::tag("row");
    }
    let etag = *page.etag.lock().unwrap();
    let head = [
        ("etag", etag),
        ("last-modified", CHANGED),
        ("cache-control", *page.cache_control.lock().unwrap()),
        ("x-run", &run),
    ];
    let known = asked
        .get("if-none-match")
        .is_some_and(|known| known == etag);
    *page.asked.lock().unwrap() = asked;
    match known {
        true => (StatusCode::NOT_MODIFIED, head).into_response(),
        false => (head, format!("made in run {run}")).into_response(),
    }
}

async fn ask(site: &Site, headers: &[(&str, &str)]) -> Answer {
    site.send(request("GET", "/page", headers))
        .await
        .answer()
        .await
}

/// On each store.
async fn both(cache_control: &'static str) -> [(Page, Site, Cache); 2] {
    let caches = [memory(), shared().await];
    let [a, b] = caches.map(|cache| (Page::new(cache_control), cache));
    let (on_a, on_b) = (a.0.serve(&a.1).await, b.0.serve(&b.1).await);
    [(a.0, on_a, a.1), (b.0, on_b, b.1)]
}

/// Asks until the answer has been handled like that: a client may be back before what it got is stored.
async fn until(site: &Site, headers: &[(&str, &str)], handling: &str) -> Answer {
    let mut answer = ask(site, headers).await;
    eventually(SOON, async || {
        if answer.handling().starts_with(handling) {
            return true;
        }
        answer = ask(site, headers).await;
        false
    })
    .await;
    answer
}

const CONFIRMED: &str = "tower-keep; fwd=stale; fwd-status=304";

#[tokio::test]
async fn a_stale_entry_is_confirmed_and_keeps_its_body_under_a_new_head() {
    for (page, site, _) in both("max-age=0").await {
        let first = until(&site, &[], CONFIRMED).await;
        page.say("max-age=60");
        let answer = until(&site, &[], &format!("{CONFIRMED}; ttl=60; stored")).await;
        let run = page.runs.count();
        assert_eq!(page.asked("if-none-match").unwrap(), "\"1\"");
        assert_eq!(page.asked("if-modified-since").unwrap(), CHANGED);
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::OK, first.text())
        );
        assert_eq!(answer.header("x-run").unwrap(), run.to_string());
        // And now it is fresh, for everybody.
        let hit = site.hit("/page").await;
        assert_eq!(
            (hit.text(), hit.header("x-run")),
            (first.text(), answer.header("x-run"))
        );
        assert_eq!(page.runs.count(), run);
    }
}

#[tokio::test]
async fn an_answer_that_has_changed_takes_the_place_of_the_old_one() {
    for (page, site, _) in both("max-age=0").await {
        until(&site, &[], CONFIRMED).await;
        page.change_to("\"2\"");
        page.say("max-age=60");
        let answer = until(&site, &[], "tower-keep; fwd=stale; stored").await;
        assert_eq!(page.asked("if-none-match").unwrap(), "\"1\"");
        let run = format!("made in run {}", page.runs.count());
        assert_eq!(
            (answer.text(), answer.header("etag")),
            (run.as_str(), Some("\"2\""))
        );
        assert_eq!(site.hit("/page").await.text(), run);
    }
}

#[tokio::test]
async fn what_must_be_confirmed_each_time_is() {
    for (page, site, _) in both("no-cache").await {
        let first = until(&site, &[], CONFIRMED).await;
        for _ in 0..3 {
            let before = page.runs.count();
            let answer = until(&site, &[], CONFIRMED).await;
            assert_eq!(
                (answer.status, answer.text()),
                (StatusCode::OK, first.text())
            );
            assert!(page.runs.count() > before);
        }
    }
}

#[tokio::test]
async fn a_clients_own_condition_is_judged_on_what_was_confirmed() {
    for (page, site, _) in both("max-age=0").await {
        let has_it = [("if-none-match", "\"0\", \"1\"")];
        let answer = until(&site, &has_it, CONFIRMED).await;
        assert_eq!(page.asked("if-none-match").unwrap(), "\"1\"");
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::NOT_MODIFIED, "")
        );
        let has_another = [("if-none-match", "\"0\"")];
        let answer = until(&site, &has_another, CONFIRMED).await;
        assert_eq!(page.asked("if-none-match").unwrap(), "\"1\"");
        assert_eq!(answer.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_client_may_want_a_fresh_entry_confirmed() {
    for (page, site, _) in both("max-age=60").await {
        let first = site.hit("/page").await;
        for directive in ["no-cache", "max-age=0"] {
            let before = page.runs.count();
            let confirmed = "tower-keep; fwd=request; fwd-status=304";
            let answer = until(&site, &[("cache-control", directive)], confirmed).await;
            assert_eq!(answer.text(), first.text());
            assert!(page.runs.count() > before, "{directive}");
            site.hit("/page").await;
        }
    }
}

#[tokio::test]
async fn nobody_asks_about_what_was_invalidated() {
    for (page, site, cache) in both("max-age=60").await {
        site.hit("/page").await;
        cache.invalidate(["page"]).await.unwrap();
        let answer = ask(&site, &[]).await;
        assert_eq!(page.asked("if-none-match"), None);
        assert_eq!(answer.text(), "made in run 2");
    }
}

/// What it was made of before, it still is made of.
#[tokio::test]
async fn a_confirmed_entry_is_invalidated_by_the_tags_that_it_had() {
    for (page, site, cache) in both("max-age=0").await {
        page.add_row(true);
        until(&site, &[], CONFIRMED).await;
        // The run that confirms it does not read the row, and cannot say that it would have.
        page.add_row(false);
        page.say("max-age=60");
        until(&site, &[], CONFIRMED).await;
        site.hit("/page").await;
        let runs = page.runs.count();
        cache.invalidate(["row"]).await.unwrap();
        let answer = ask(&site, &[]).await;
        assert_eq!(answer.text(), format!("made in run {}", runs + 1));
    }
}
