//! Two processes with one route on one Redis.

use std::{collections::BTreeSet, time::Duration};

use axum::{Router, http::StatusCode, response::IntoResponse, routing::get as route};
use futures_util::future::join_all;
use testkit::{
    SharedRedis,
    process::{self, Peer},
};
use tokio::time::sleep;
use tower_keep_cache::Cache;

use super::{
    super::setup::cache,
    site::{MINUTE, Runs, Site, get},
};

const SECOND_PART: &str = "cache::http::fleet::second_part";

/// Every answer names its process and its run there.
async fn serve(cache: &Cache) -> Site {
    let runs = Runs::default();
    let handler = |takes: Duration, answer: fn(String) -> axum::response::Response| {
        let runs = runs.clone();
        route(move || {
            let name = format!("{}-{}", std::process::id(), runs.next());
            async move {
                sleep(takes).await;
                answer(name)
            }
        })
        .layer(cache.layer().ttl(MINUTE).tag("page"))
    };
    let page = handler(Duration::from_millis(200), IntoResponse::into_response);
    // So long that everybody has come before the first run has failed.
    let failing = handler(Duration::from_secs(1), |name| {
        (StatusCode::INTERNAL_SERVER_ERROR, name).into_response()
    });
    let personal = handler(Duration::from_millis(200), |name| {
        ([("cache-control", "private")], name).into_response()
    });
    let router = Router::new()
        .route("/page", page)
        .route("/failing", failing)
        .route("/personal", personal);
    Site::serve(router).await
}

/// The other process.
#[tokio::test]
async fn second_part() {
    let Some(mut parent) = process::parent() else {
        return;
    };
    let [url, namespace] = ["URL", "NAMESPACE"].map(|name| std::env::var(name).unwrap());
    let site = serve(&cache(&url, &namespace).await).await;
    parent.say(&format!("SERVING {}", site.address));
    parent.hear().await;
}

struct Fleet {
    cache: Cache,
    here: Site,
    there: Site,
    peer: Peer,
}

impl Fleet {
    async fn start(redis: &SharedRedis) -> Self {
        let environment = [("URL", redis.url()), ("NAMESPACE", redis.namespace())];
        let mut peer = process::reexec(SECOND_PART, &environment);
        let address = peer.heard("SERVING").await.parse().unwrap();
        let cache = cache(redis.url(), redis.namespace()).await;
        let here = serve(&cache).await;
        Self {
            cache,
            here,
            there: Site::elsewhere(address),
            peer,
        }
    }

    /// The different answers that 250 clients get of each process.
    async fn crowd(&self, path: &str) -> BTreeSet<String> {
        let sites = [&self.here, &self.there];
        let calls = (0..500).map(async |client: usize| {
            let site = sites[client % 2];
            // The host is part of the key.
            let mut request = get(path);
            request
                .headers_mut()
                .insert("host", "shop.example".parse().unwrap());
            site.send(request).await.answer().await.text().to_owned()
        });
        join_all(calls).await.into_iter().collect()
    }

    async fn end(mut self) {
        self.peer.tell("end");
        self.peer.finish().await;
    }
}

#[tokio::test]
async fn five_hundred_cold_requests_are_one_run_in_both_processes_together() {
    let fleet = Fleet::start(&testkit::redis().await).await;
    let answers = fleet.crowd("/page").await;
    assert_eq!(answers.len(), 1, "{answers:?}");

    fleet.cache.invalidate(["page"]).await.unwrap();
    let fresh = fleet.crowd("/page").await;
    assert_eq!(fresh.len(), 1, "{fresh:?}");
    assert!(
        fresh.is_disjoint(&answers),
        "an answer from before the invalidation"
    );
    fleet.end().await;
}

#[tokio::test]
async fn a_failure_is_at_most_one_run_in_each_process() {
    let fleet = Fleet::start(&testkit::redis().await).await;
    let answers = fleet.crowd("/failing").await;
    assert!(answers.len() <= 2, "{answers:?}");
    fleet.end().await;
}

#[tokio::test]
async fn an_answer_of_one_client_stays_with_it_in_both_processes() {
    let fleet = Fleet::start(&testkit::redis().await).await;
    assert_eq!(fleet.crowd("/personal").await.len(), 500);
    fleet.end().await;
}
