//! Two processes with one route on one Redis.

use std::{collections::BTreeSet, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get as route,
};
use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::Empty;
use testkit::{
    SharedRedis,
    process::{self, Peer},
};
use tokio::time::sleep;
use tower::util::MapRequestLayer;
use tower_keep_cache::Cache;

use super::{
    super::setup::cache,
    site::{MINUTE, Runs, Site, request},
};

const SECOND_PART: &str = "cache::http::fleet::second_part";

const CLIENTS: usize = 250;

/// Every answer names its process and its run there.
async fn serve(cache: &Cache, runs: &Runs) -> Site {
    let arrived = Runs::default();
    let handler = |answer: fn(String) -> Response| {
        let runs = runs.clone();
        let handler = route(move || {
            let name = format!("{}-{}", std::process::id(), runs.next());
            async move {
                sleep(Duration::from_millis(200)).await;
                answer(name)
            }
        });
        handler.layer(cache.layer().ttl(MINUTE).tag("page"))
    };
    let page = handler(IntoResponse::into_response);
    let personal = handler(|name| ([("cache-control", "private")], name).into_response());
    // A failure is told to those who wait: let all of this process do so first.
    let failing = {
        let (arrived, runs) = (arrived.clone(), runs.clone());
        let handler = route(move || {
            let (arrived, run) = (arrived.clone(), runs.next());
            async move {
                while arrived.count() < CLIENTS {
                    sleep(Duration::from_millis(5)).await;
                }
                sleep(Duration::from_secs(1)).await;
                let name = format!("{}-{run}", std::process::id());
                (StatusCode::INTERNAL_SERVER_ERROR, name)
            }
        });
        handler.layer(cache.layer().ttl(MINUTE))
    };
    let arrivals = MapRequestLayer::new(move |request: Request| {
        arrived.next();
        request
    });
    let router = Router::new()
        .route("/page", page)
        .route("/failing", failing)
        .route("/personal", personal)
        .layer(arrivals);
    Site::serve(router).await
}

/// Nobody here goes alone because a wait took too long.
async fn patient(url: &str, namespace: &str) -> Cache {
    cache(url, namespace).await.wait_timeout(MINUTE)
}

/// The other process.
#[tokio::test]
async fn second_part() {
    let Some(mut parent) = process::parent() else {
        return;
    };
    let [url, namespace] = ["URL", "NAMESPACE"].map(|name| std::env::var(name).unwrap());
    let site = serve(&patient(&url, &namespace).await, &Runs::default()).await;
    parent.say(&format!("SERVING {}", site.address));
    parent.hear().await;
}

struct Fleet {
    cache: Cache,
    here: Site,
    there: Site,
    peer: Peer,
    /// Those here.
    runs: Runs,
}

/// The host is part of the key.
fn at_shop(path: &str) -> http::Request<Empty<Bytes>> {
    request("GET", path, &[("host", "shop.example")])
}

impl Fleet {
    async fn start(redis: &SharedRedis) -> Self {
        let environment = [("URL", redis.url()), ("NAMESPACE", redis.namespace())];
        let mut peer = process::reexec(SECOND_PART, &environment);
        let address = peer.heard("SERVING").await.parse().unwrap();
        let cache = patient(redis.url(), redis.namespace()).await;
        let runs = Runs::default();
        let here = serve(&cache, &runs).await;
        Self {
            cache,
            here,
            there: Site::elsewhere(address),
            peer,
            runs,
        }
    }

    /// The different answers that the clients get of both processes.
    async fn crowd(&self, path: &str) -> BTreeSet<String> {
        let sites = [&self.here, &self.there];
        let calls = (0..2 * CLIENTS).map(async |client: usize| {
            let site = sites[client % 2];
            let answer = site.send(at_shop(path)).await.answer().await;
            answer.text().to_owned()
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
async fn it_is_one_run_also_when_the_first_client_hangs_up() {
    let fleet = Fleet::start(&testkit::redis().await).await;
    let first = fleet.here.send(at_shop("/page")).await;
    fleet.runs.reach(1).await;
    first.hang_up();
    drop(first);
    let answers = fleet.crowd("/page").await;
    let only = format!("{}-1", std::process::id());
    assert_eq!(answers, BTreeSet::from([only]));
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
    assert_eq!(fleet.crowd("/personal").await.len(), 2 * CLIENTS);
    fleet.end().await;
}
