//! What the cache does for an upstream that knows nothing of it.

use std::sync::{Arc, Mutex};

use testkit::eventually;

use crate::setup::{Answer, Gateway, SOON, Upstream, field};

const DEFAULT: &[&str] = &["--redis", "memory:"];
const STRICT: &[&str] = &["--redis", "memory:", "--cache", "strict"];

/// An upstream that answers as it was last told to, and remembers what it was asked.
struct Told {
    upstream: Upstream,
    answer: Arc<Mutex<String>>,
    validated: Arc<Mutex<Option<String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Told {
    async fn to_say(answer: &str) -> Self {
        let answer = Arc::new(Mutex::new(answer.to_owned()));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let validated = Arc::new(Mutex::new(None::<String>));
        let upstream = Upstream::answering({
            let (answer, asked) = (Arc::clone(&answer), Arc::clone(&asked));
            let validated = Arc::clone(&validated);
            move |head| {
                let line = head.lines().next().unwrap_or_default();
                asked.lock().unwrap().push(line.to_owned());
                let validated = validated.lock().unwrap().clone();
                let validated = validated.filter(|_| field(head, "if-none-match").is_some());
                let answer = answer.lock().unwrap().clone();
                validated.unwrap_or(answer).into_bytes()
            }
        })
        .await;
        Self {
            upstream,
            answer,
            validated,
            asked,
        }
    }

    async fn behind(&self, settings: &[&str]) -> Gateway {
        Gateway::start(self.upstream.address, settings).await
    }

    fn say(&self, answer: &str) {
        *self.answer.lock().unwrap() = answer.to_owned();
    }

    /// What it says to a request that only asks whether something is still good.
    fn say_to_validations(&self, answer: &str) {
        *self.validated.lock().unwrap() = Some(answer.to_owned());
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Asks until the answer is as wanted: a client may be back before what it got is stored.
async fn until(gateway: &Gateway, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
    let mut answer = gateway.get(path).await;
    eventually(SOON, async || {
        if !wanted(&answer) {
            answer = gateway.get(path).await;
        }
        wanted(&answer)
    })
    .await;
    answer
}

fn is_hit(answer: &Answer) -> bool {
    answer
        .field("cache-status")
        .is_some_and(|status| status.contains("; hit"))
}

/// A page with these fields.
fn page(fields: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{fields}content-length: 4\r\n\r\npage")
}

/// Fresh for a minute, and a hundred seconds old.
const STALE: &str = "cache-control: max-age=60\r\nage: 100\r\n";

const BUSY: &str = "HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\nbusy";

#[tokio::test]
async fn a_page_that_says_nothing_is_made_once_by_default() {
    let told = Told::to_say(&page("")).await;
    let gateway = told.behind(DEFAULT).await;
    assert_eq!(gateway.get("/").await.body(), "page");
    let hit = until(&gateway, "/", is_hit).await;
    assert_eq!(hit.body(), "page");
    assert_eq!(told.asked().len(), 1);
}

#[tokio::test]
async fn without_the_cache_every_request_is_asked_and_nothing_added() {
    let told = Told::to_say(&page("cache-control: max-age=60\r\n")).await;
    let gateway = told.behind(&["--cache", "off"]).await;
    for _ in 0..2 {
        assert_eq!(gateway.get("/").await.field("cache-status"), None);
    }
    assert_eq!(told.asked().len(), 2);
}

#[tokio::test]
async fn the_strict_profile_stores_what_says_so_and_nothing_else() {
    let told = Told::to_say(&page("")).await;
    let gateway = told.behind(STRICT).await;
    gateway.get("/silent").await;
    gateway.get("/silent").await;
    assert_eq!(told.asked().len(), 2);

    told.say(&page("cache-control: max-age=60\r\nset-cookie: seen=1\r\n"));
    let hit = until(&gateway, "/spoken", is_hit).await;
    assert_eq!(hit.field("set-cookie"), Some("seen=1"));
}

#[tokio::test]
async fn by_default_a_cookie_is_nobody_elses() {
    let told = Told::to_say(&page(
        "cache-control: max-age=60\r\nset-cookie: session=1\r\n",
    ))
    .await;
    let gateway = told.behind(DEFAULT).await;
    gateway.get("/").await;
    gateway.get("/").await;
    assert_eq!(told.asked().len(), 2);
}

#[tokio::test]
async fn a_stale_page_is_better_than_an_error() {
    for profile in [DEFAULT, STRICT] {
        let told = Told::to_say(&page(STALE)).await;
        let gateway = told.behind(profile).await;
        assert_eq!(gateway.get("/").await.status(), "200");
        for failure in [BUSY, "", "HTTP/1.1 502 Bad\r\ncontent-length: 0\r\n\r\n"] {
            told.say(failure);
            let stale = until(&gateway, "/", |answer| answer.status() == "200").await;
            assert_eq!(stale.body(), "page");
        }
        drop(told.upstream);
        let stale = gateway.get("/").await;
        assert_eq!(stale.body(), "page", "{profile:?} {stale:?}");
        assert!(
            stale
                .field("age")
                .is_some_and(|age| age.parse::<u64>().unwrap() >= 100)
        );
    }
}

#[tokio::test]
async fn an_upstream_that_hangs_is_covered_by_a_stale_page() {
    let told = Told::to_say(&page(STALE)).await;
    let settings = [DEFAULT, &["--upstream-timeout", "200ms"]].concat();
    let gateway = told.behind(&settings).await;
    assert_eq!(gateway.get("/").await.status(), "200");
    // It answers no more, and keeps the connection: the words of an answer that never ends.
    told.say("HTTP/1.1 200 OK\r\nx-unfinished: ");
    let stale = until(&gateway, "/", |answer| answer.status() == "200").await;
    assert_eq!(stale.body(), "page");
}

#[tokio::test]
async fn a_page_that_must_not_be_served_stale_is_not() {
    for profile in [DEFAULT, STRICT] {
        let told = Told::to_say(&page(
            "cache-control: max-age=60, must-revalidate\r\nage: 100\r\netag: \"1\"\r\n",
        ))
        .await;
        let gateway = told.behind(profile).await;
        assert_eq!(gateway.get("/").await.status(), "200");
        told.say(BUSY);
        let refused = gateway.get("/").await;
        assert_eq!(refused.status(), "503", "{profile:?}");
        assert_eq!(refused.field("retry-after"), Some("7"));
        drop(told.upstream);
        assert_eq!(gateway.get("/").await.status(), "502", "{profile:?}");
    }
}

#[tokio::test]
async fn a_stale_page_is_asked_about_and_not_made_again() {
    let told = Told::to_say(&page(
        "cache-control: max-age=60\r\nage: 100\r\netag: \"1\"\r\n",
    ))
    .await;
    let gateway = told.behind(STRICT).await;
    assert_eq!(gateway.get("/").await.body(), "page");
    told.say_to_validations(
        "HTTP/1.1 304 Not Modified\r\ncache-control: max-age=60\r\netag: \"1\"\r\n\r\n",
    );
    let hit = until(&gateway, "/", is_hit).await;
    assert_eq!(hit.body(), "page");
    let fresh: u64 = hit.field("age").unwrap().parse().unwrap();
    assert!(fresh < 100, "{hit:?}");
}

#[tokio::test]
async fn a_write_passes_and_the_page_is_made_again() {
    let told = Told::to_say(&page("cache-control: max-age=60\r\n")).await;
    let gateway = told.behind(DEFAULT).await;
    until(&gateway, "/page", is_hit).await;
    let asked = told.asked().len();
    let write = "PUT /page HTTP/1.1\r\nhost: shop.example\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    assert_eq!(gateway.ask(write).await.status(), "200");
    gateway.get("/page").await;
    let since = &told.asked()[asked..];
    assert_eq!(since, ["PUT /page HTTP/1.1", "GET /page HTTP/1.1"]);
}

#[tokio::test]
async fn the_order_of_a_query_does_not_matter() {
    let told = Told::to_say(&page("")).await;
    let gateway = told.behind(DEFAULT).await;
    gateway.get("/list?b=1&a=2").await;
    until(&gateway, "/list?a=2&b=1", is_hit).await;
    assert!(!is_hit(&gateway.get("/list?a=2&b=1&c").await));
}

#[tokio::test]
async fn what_is_not_in_the_key_does_not_reach_the_upstream() {
    let told = Told::to_say(&page("")).await;
    let settings = [DEFAULT, &["--key-query", "page,sort"]].concat();
    let gateway = told.behind(&settings).await;
    gateway.get("/list?utm=mail&sort=up&page=2").await;
    until(&gateway, "/list?page=2&sort=up&utm=web", is_hit).await;
    assert!(
        told.asked()
            .iter()
            .all(|line| line == "GET /list?page=2&sort=up HTTP/1.1")
    );
}
