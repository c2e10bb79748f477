//! Redis is away, or the request has no time left for it.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use testkit::RedisServer;
use tower::service_fn;
use tower_keep_cache::{Cache, ResponseCacheLayer};
use tower_keep_core::{RedisBudget, connection::ConnectionManager};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    super::setup::cache,
    site::{MINUTE, Runs, SOON, ask, get, hit},
};

type Ask = Request<Empty<Bytes>>;

/// Answers with the number of the run, after a moment in which others may come.
fn numbered(
    layer: &ResponseCacheLayer,
    runs: &Runs,
) -> impl Service<
    Ask,
    Response = Response<tower_keep_core::Body<Full<Bytes>>>,
    Error = Infallible,
    Future: Send,
> + Clone
+ use<> {
    let runs = runs.clone();
    layer.layer(service_fn(move |_: Ask| {
        let run = runs.next();
        async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(Response::new(Full::from(run.to_string())))
        }
    }))
}

#[tokio::test]
async fn requests_go_on_when_redis_goes_and_hits_come_back_with_it() {
    let server = RedisServer::start().await;
    let cache = cache(&server.url(), "keep").await;
    let runs = Runs::default();
    let service = numbered(&cache.layer().ttl(MINUTE), &runs);
    assert_eq!(hit(&service, "/").await.text(), "1");

    server.kill();
    let crowd = join_all((0..50).map(|_| ask(&service, get("/")))).await;
    assert!(crowd.iter().all(|answer| answer.status == 200));
    assert!(
        crowd
            .iter()
            .any(|answer| answer.handling() == "tower-keep; fwd=uri-miss; detail=redis-away")
    );
    assert!(
        runs.count() <= 3,
        "{} runs for fifty requests",
        runs.count()
    );

    server.restart().await;
    hit(&service, "/").await;
}

#[tokio::test]
async fn an_edit_that_redis_does_not_hear_of_is_seen_here() {
    let server = RedisServer::start().await;
    // Short, because every request waits for it while Redis hangs.
    let url = format!("{}?command_timeout=200ms", server.url());
    let manager = ConnectionManager::open(&url).unwrap();
    manager.connected(SOON).await.unwrap();
    let cache = Cache::new(manager);
    let runs = Runs::default();
    let service = numbered(&cache.layer().ttl(MINUTE).tag("row"), &runs);
    assert_eq!(hit(&service, "/").await.text(), "1");

    server.pause();
    assert!(cache.invalidate(["row"]).await.is_err());
    assert_ne!(ask(&service, get("/")).await.text(), "1");
    server.resume();
    assert_ne!(ask(&service, get("/")).await.text(), "1");
    assert_ne!(hit(&service, "/").await.text(), "1");
}

#[tokio::test]
async fn an_entry_is_found_by_another_process_with_its_headers() {
    let redis = testkit::redis().await;
    let runs = Runs::default();
    let here = cache(redis.url(), redis.namespace()).await;
    let there = cache(redis.url(), redis.namespace()).await;
    let typed = |cache: &Cache| {
        let runs = runs.clone();
        cache
            .layer()
            .ttl(MINUTE)
            .tag("page")
            .layer(service_fn(move |_: Ask| {
                let text = format!("run {}", runs.next());
                async move {
                    Ok::<_, Infallible>(
                        Response::builder()
                            .header("content-type", "text/plain")
                            .body(Full::from(text))
                            .unwrap(),
                    )
                }
            }))
    };
    let (here_service, there_service) = (typed(&here), typed(&there));
    hit(&here_service, "/").await;
    let found = ask(&there_service, get("/")).await;
    assert!(found.is_hit());
    assert_eq!(
        (found.text(), found.header("content-type")),
        ("run 1", Some("text/plain"))
    );

    there.invalidate(["page"]).await.unwrap();
    assert_eq!(ask(&here_service, get("/")).await.text(), "run 2");
}

#[tokio::test]
async fn a_request_without_time_for_redis_runs_as_if_it_were_away() {
    let redis = testkit::redis().await;
    let cache = cache(redis.url(), redis.namespace()).await;
    let runs = Runs::default();
    let service = numbered(&cache.layer().ttl(MINUTE), &runs);
    hit(&service, "/").await;
    let with = |budget: &RedisBudget| {
        let mut request = get("/");
        request.extensions_mut().insert(budget.clone());
        request
    };

    let spent = RedisBudget::new(Duration::ZERO);
    let answer = ask(&service, with(&spent)).await;
    assert_eq!(
        (answer.text(), answer.handling()),
        ("2", "tower-keep; fwd=uri-miss; detail=redis-away")
    );

    let mut only = with(&spent);
    only.headers_mut()
        .insert("cache-control", "only-if-cached".parse().unwrap());
    assert_eq!(ask(&service, only).await.status, 504);

    let budget = RedisBudget::new(MINUTE);
    assert_eq!(ask(&service, with(&budget)).await.text(), "1");
    assert!(
        budget.remaining() < MINUTE,
        "what the look took is taken off"
    );
}
