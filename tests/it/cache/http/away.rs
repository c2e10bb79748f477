//! Redis is away, or the request has no time left for it.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use testkit::RedisServer;
use tower::service_fn;
use tower_keep_cache::{Cache, ResponseCacheLayer};
use tower_keep_core::{Namespace, RedisBudget, connection::ConnectionManager};
use tower_layer::Layer;
use tower_service::Service;

use super::site::{MINUTE, Runs, SOON, ask, get, hit};

type Ask = Request<Empty<Bytes>>;

async fn connected(url: &str) -> Cache {
    // A debug build on a busy machine: the deadline is not what is tested here.
    let manager =
        ConnectionManager::open(&format!("{url}?command_timeout=2s&stall_age=1s")).unwrap();
    manager.connected(SOON).await.unwrap();
    Cache::new(manager)
}

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
    let cache = connected(&server.url()).await;
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
async fn an_entry_is_found_by_another_process_with_its_headers() {
    let redis = testkit::redis().await;
    let namespace = Namespace::new(redis.namespace()).unwrap();
    let runs = Runs::default();
    let [here, there] = [connected(redis.url()).await, connected(redis.url()).await]
        .map(|cache| cache.namespace(&namespace));
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
    let cache = connected(redis.url())
        .await
        .namespace(&Namespace::new(redis.namespace()).unwrap());
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

    let budget = RedisBudget::new(MINUTE);
    assert_eq!(ask(&service, with(&budget)).await.text(), "1");
    assert!(
        budget.remaining() < MINUTE,
        "what the look took is taken off"
    );
}
