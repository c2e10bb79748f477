//! A miss goes to the client as it is made, whatever becomes of what is captured of it.

use std::{convert::Infallible, sync::Arc};

use axum::{Router, routing::get as route};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response, header::CONTENT_TYPE};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use testkit::eventually;
use tokio::{sync::mpsc, time::timeout};
use tower::{Service, ServiceExt, service_fn};
use tower_keep_cache::ResponseCacheLayer;
use tower_layer::Layer;

use super::{
    site::{MINUTE, Runs, SOON, Site, ask, get, hit, memory, request},
    trickle::{Broken, Tap, Trickle, trickle},
};

type Ask = Request<Empty<Bytes>>;

/// A service whose answers are made by the test: each run hands over a tap.
fn tapped(
    layer: &ResponseCacheLayer,
) -> (
    impl Service<
        Ask,
        Response = Response<tower_keep_core::Body<Trickle>>,
        Error = Infallible,
        Future: Send,
    > + Clone
    + use<>,
    mpsc::UnboundedReceiver<Tap>,
) {
    let (runs, taps) = mpsc::unbounded_channel();
    let service = layer.layer(service_fn(move |_: Ask| {
        let (tap, body) = trickle();
        runs.send(tap).unwrap();
        async { Ok(Response::new(body)) }
    }));
    (service, taps)
}

/// A route whose answers are made by the test.
fn tapped_route(
    layer: ResponseCacheLayer,
    content_type: &'static str,
) -> (Router, mpsc::UnboundedReceiver<Tap>) {
    let (runs, taps) = mpsc::unbounded_channel();
    let answer = move || {
        let (tap, body) = trickle();
        runs.send(tap).unwrap();
        async move { ([(CONTENT_TYPE, content_type)], axum::body::Body::new(body)) }
    };
    (Router::new().route("/", route(answer).layer(layer)), taps)
}

async fn chunk<B>(body: &mut B) -> Bytes
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Debug,
{
    body.frame().await.unwrap().unwrap().into_data().unwrap()
}

#[tokio::test]
async fn the_first_chunk_arrives_before_the_second_is_made() {
    let (router, mut taps) = tapped_route(memory().layer().ttl(MINUTE), "text/plain");
    let site = Site::serve(router).await;
    let mut call = site.send(get("/")).await;
    let tap = taps.recv().await.unwrap();
    let mut response = call.head().await;
    tap.send("one ");
    assert_eq!(chunk(response.body_mut()).await, "one ");
    tap.send("two");
    assert_eq!(chunk(response.body_mut()).await, "two");
    drop(tap);
    assert!(response.body_mut().frame().await.is_none());
    assert_eq!(site.hit("/").await.text(), "one two");
}

#[tokio::test]
async fn an_event_stream_flows_to_everybody_and_ends_with_its_client() {
    let (router, mut taps) = tapped_route(memory().layer().ttl(MINUTE), "text/event-stream");
    let site = Site::serve(router).await;
    for _ in 0..2 {
        let mut call = site.send(get("/")).await;
        let tap = taps.recv().await.unwrap();
        let mut response = call.head().await;
        for _ in 0..3 {
            tap.send("data: tick\n\n");
            assert_eq!(chunk(response.body_mut()).await, "data: tick\n\n");
        }
        call.hang_up();
        drop(response);
        tap.dropped().await;
    }
}

#[tokio::test]
async fn a_body_over_the_limit_flows_and_is_not_stored() {
    let (service, mut taps) = tapped(&memory().layer().ttl(MINUTE).max_body(10));
    for _ in 0..2 {
        let mut response = service.clone().oneshot(get("/")).await.unwrap();
        let tap = taps.recv().await.unwrap();
        for text in ["within ", "beyond ", "and on"] {
            tap.send(text);
            assert_eq!(chunk(response.body_mut()).await, text);
        }
        let trailers = HeaderMap::from_iter([(CONTENT_TYPE, "x".parse().unwrap())]);
        tap.trailers(trailers.clone());
        drop(tap);
        assert_eq!(
            response
                .body_mut()
                .frame()
                .await
                .unwrap()
                .unwrap()
                .into_trailers()
                .ok(),
            Some(trailers)
        );
    }
}

#[tokio::test]
async fn who_waits_for_a_body_that_outgrows_the_limit_is_released_with_all_others() {
    let cache = memory().wait_timeout(MINUTE);
    let (service, mut taps) = tapped(&cache.layer().ttl(MINUTE).max_body(10));
    let _first = service.clone().oneshot(get("/")).await.unwrap();
    let first_tap = taps.recv().await.unwrap();
    for _ in 0..3 {
        tokio::spawn(service.clone().oneshot(get("/")));
    }
    first_tap.send("within ");
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(taps.is_empty(), "they wait");
    first_tap.send("beyond ");
    // None of them ends, and still all of them run.
    let mut others = Vec::new();
    while others.len() < 3 {
        let tap = timeout(SOON, taps.recv()).await;
        others.push(tap.expect("all are released at once").unwrap());
    }
}

#[tokio::test]
async fn a_body_that_is_known_to_be_too_large_passes_untouched() {
    let runs = Runs::default();
    let counted = runs.clone();
    let service = memory()
        .layer()
        .ttl(MINUTE)
        .max_body(10)
        .layer(service_fn(move |_: Ask| {
            counted.next();
            async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("eleven bytes")))) }
        }));
    for run in 1..=2 {
        let answer = ask(&service, get("/")).await;
        assert_eq!(
            (answer.text(), answer.handling()),
            ("eleven bytes", "tower-keep; fwd=uri-miss")
        );
        assert_eq!(runs.count(), run);
    }
}

#[tokio::test]
async fn what_is_not_captured_waits_for_its_reader_and_ends_with_it() {
    let made = Runs::default();
    let counted = made.clone();
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    let service = memory()
        .layer()
        .ttl(MINUTE)
        .max_body(1 << 14)
        .layer(service_fn(move |_: Ask| {
            let (made, held) = (counted.clone(), Arc::clone(&held));
            let endless = stream::repeat_with(move || {
                let _ = &held;
                made.next();
                Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[0; 1 << 12])))
            });
            async { Ok::<_, Infallible>(Response::new(StreamBody::new(endless))) }
        }));
    let mut response = service.clone().oneshot(get("/")).await.unwrap();
    drop(service);
    // 64 KiB stand unread, one chunk is in hand.
    made.reach(17).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(
        made.count() <= 18,
        "{} chunks for a client that reads nothing",
        made.count()
    );
    for _ in 0..40 {
        chunk(response.body_mut()).await;
    }
    made.reach(50).await;
    drop(response);
    eventually(SOON, async || Arc::strong_count(&alive) == 1).await;
}

#[tokio::test]
async fn a_slow_reader_does_not_hold_a_fill_up() {
    let (service, mut taps) = tapped(&memory().layer().ttl(MINUTE));
    let unread = service.clone().oneshot(get("/")).await.unwrap();
    let tap = taps.recv().await.unwrap();
    for _ in 0..20_000 {
        tap.send("0123456789");
    }
    drop(tap);
    assert_eq!(hit(&service, "/").await.body.len(), 200_000);
    assert_eq!(
        unread.into_body().collect().await.unwrap().to_bytes().len(),
        200_000
    );
}

#[tokio::test]
async fn a_body_that_fails_half_way_is_not_stored_and_fails_for_its_client() {
    let (service, mut taps) = tapped(&memory().layer().ttl(MINUTE));
    for _ in 0..2 {
        let mut response = service.clone().oneshot(get("/")).await.unwrap();
        let tap = taps.recv().await.unwrap();
        tap.send("half");
        assert_eq!(chunk(response.body_mut()).await, "half");
        tap.fail();
        assert_eq!(
            response.body_mut().frame().await.unwrap().unwrap_err(),
            Broken
        );
    }
}

#[tokio::test]
async fn who_waits_for_a_body_that_fails_is_told_so_and_runs_nothing() {
    let (service, mut taps) = tapped(&memory().layer().ttl(MINUTE));
    let response = service.clone().oneshot(get("/")).await.unwrap();
    let tap = taps.recv().await.unwrap();
    let waiting: Vec<_> = (0..3)
        .map(|_| Box::pin(service.clone().oneshot(get("/"))))
        .collect();
    let mut waiting = futures_util::future::join_all(waiting);
    assert!(futures_util::poll!(&mut waiting).is_pending());
    tap.send("half");
    tap.fail();
    for answer in waiting.await {
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 500);
        assert_eq!(
            answer.headers()["cache-status"],
            "tower-keep; fwd=uri-miss; detail=body-failed"
        );
    }
    assert!(response.into_body().collect().await.is_err());
    assert!(taps.is_empty());
}

#[tokio::test]
async fn a_body_of_another_length_than_it_said_is_not_stored() {
    let runs = Runs::default();
    let counted = runs.clone();
    let service = memory()
        .layer()
        .ttl(MINUTE)
        .layer(service_fn(move |_: Ask| {
            counted.next();
            let body = StreamBody::new(stream::iter([Ok::<_, Infallible>(Frame::data(
                Bytes::from("short"),
            ))]));
            async {
                Ok::<_, Infallible>(
                    Response::builder()
                        .header("content-length", "10")
                        .body(body)
                        .unwrap(),
                )
            }
        }));
    for run in 1..=2 {
        ask(&service, get("/")).await;
        assert_eq!(runs.count(), run);
    }
}

#[tokio::test]
async fn trailers_are_stored_with_the_body() {
    let (service, mut taps) = tapped(&memory().layer().ttl(MINUTE));
    let response = service.clone().oneshot(get("/")).await.unwrap();
    let tap = taps.recv().await.unwrap();
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
    tap.send("message");
    tap.trailers(trailers.clone());
    drop(tap);
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers(), Some(&trailers));
    let found = hit(&service, "/").await;
    assert_eq!(found.text(), "message");
    assert_eq!(found.trailers, Some(trailers));
}

#[tokio::test]
async fn head_fills_without_a_reader() {
    let (service, mut taps) = tapped(&memory().layer().ttl(MINUTE));
    let response = service
        .clone()
        .oneshot(request("HEAD", "/", &[]))
        .await
        .unwrap();
    assert!(response.body().is_end_stream());
    let tap = taps.recv().await.unwrap();
    tap.send("page");
    drop(tap);
    assert_eq!(hit(&service, "/").await.text(), "page");
}
