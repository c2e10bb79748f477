//! Many requests for one key at the same time.

use std::{convert::Infallible, panic, sync::Arc};

use axum::{Router, response::IntoResponse, routing::get as route};
use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use tokio::sync::Semaphore;
use tower::{ServiceExt, service_fn, util::MapRequestLayer};
use tower_keep_cache::{Cache, ResponseCacheLayer};
use tower_layer::Layer;

use super::site::{MINUTE, Runs, Site, get};

type Ask = Request<Empty<Bytes>>;

/// Nobody here goes alone because a wait took too long.
fn memory() -> Cache {
    super::site::memory().wait_timeout(MINUTE)
}

/// A site with one route, whose handler waits at a gate and then answers with `answer` and the number of its run.
struct Crowd {
    site: Site,
    arrived: Runs,
    runs: Runs,
    gate: Arc<Semaphore>,
}

impl Crowd {
    async fn at<R: IntoResponse + 'static>(
        layer: ResponseCacheLayer,
        answer: fn(usize) -> R,
    ) -> Self {
        let (arrived, runs, gate) = (
            Runs::default(),
            Runs::default(),
            Arc::new(Semaphore::new(0)),
        );
        let (counted, closed) = (runs.clone(), Arc::clone(&gate));
        let handler = route(move || {
            let (run, closed) = (counted.next(), Arc::clone(&closed));
            async move {
                closed.acquire().await.unwrap().forget();
                answer(run).into_response()
            }
        });
        let counted = arrived.clone();
        let arrivals = MapRequestLayer::new(move |request: axum::extract::Request| {
            counted.next();
            request
        });
        let site = Site::serve(
            Router::new()
                .route("/", handler.layer(layer))
                .layer(arrivals),
        )
        .await;
        Self {
            site,
            arrived,
            runs,
            gate,
        }
    }

    async fn wave(&self, size: usize) -> Vec<super::site::Call> {
        let before = self.arrived.count();
        let calls = join_all((0..size).map(|_| self.site.send(get("/")))).await;
        self.arrived.reach(before + size).await;
        calls
    }
}

async fn answers(calls: Vec<super::site::Call>) -> Vec<super::site::Answer> {
    join_all(calls.into_iter().map(super::site::Call::answer)).await
}

#[tokio::test]
async fn five_hundred_requests_for_a_cold_key_are_one_run() {
    let crowd = Crowd::at(memory().layer().ttl(MINUTE), |run| format!("run {run}")).await;
    let calls = crowd.wave(500).await;
    crowd.gate.add_permits(500);
    for answer in answers(calls).await {
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "run 1"));
    }
    assert_eq!(crowd.runs.count(), 1);
}

#[tokio::test]
async fn it_is_one_run_also_when_the_first_client_hangs_up() {
    let crowd = Crowd::at(memory().layer().ttl(MINUTE), |run| format!("run {run}")).await;
    let first = crowd.wave(1).await;
    crowd.runs.reach(1).await;
    let others = crowd.wave(499).await;
    first[0].hang_up();
    drop(first);
    crowd.gate.add_permits(500);
    for answer in answers(others).await {
        assert_eq!(answer.text(), "run 1");
    }
    assert_eq!(crowd.runs.count(), 1);
}

#[tokio::test]
async fn the_run_goes_on_when_the_request_that_began_it_is_dropped() {
    let (runs, gate) = (Runs::default(), Arc::new(Semaphore::new(0)));
    let (counted, closed) = (runs.clone(), Arc::clone(&gate));
    let service = memory()
        .layer()
        .ttl(MINUTE)
        .layer(service_fn(move |_: Ask| {
            let (run, closed) = (counted.next(), Arc::clone(&closed));
            async move {
                closed.acquire().await.unwrap().forget();
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(run.to_string())))
            }
        }));
    let first = tokio::spawn(service.clone().oneshot(get("/")));
    runs.reach(1).await;
    let other = tokio::spawn(service.clone().oneshot(get("/")));
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    // Time for whoever would take the client's end for the end of the run.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(runs.count(), 1);
    gate.add_permits(1);
    let answer = other.await.unwrap().unwrap().into_body().collect().await;
    assert_eq!(answer.unwrap().to_bytes(), "1");
}

#[tokio::test]
async fn a_failure_is_one_run_that_everybody_is_told_of() {
    let failing = |run| (StatusCode::BAD_GATEWAY, format!("failure {run}"));
    let crowd = Crowd::at(memory().layer().ttl(MINUTE), failing).await;
    let calls = crowd.wave(500).await;
    crowd.gate.add_permits(500);
    for answer in answers(calls).await {
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::BAD_GATEWAY, "failure 1")
        );
    }
    assert_eq!(crowd.runs.count(), 1);
    let next = crowd.site.get("/").await;
    assert_eq!(next.text(), "failure 2", "a failure is not stored");
}

#[tokio::test]
async fn who_waited_for_an_answer_of_one_client_is_released_and_the_next_wave_never_waits() {
    let personal = |run: usize| ([("cache-control", "private")], format!("run {run}"));
    let crowd = Crowd::at(memory().layer().ttl(MINUTE), personal).await;
    let calls = crowd.wave(50).await;
    assert_eq!(crowd.runs.count(), 1);
    crowd.gate.add_permits(1);
    // All of them run at the same time: none has passed the gate.
    crowd.runs.reach(50).await;
    let next = crowd.wave(50).await;
    crowd.runs.reach(100).await;
    crowd.gate.add_permits(99);
    let mut seen: Vec<_> = answers(calls)
        .await
        .into_iter()
        .chain(answers(next).await)
        .map(|answer| answer.body)
        .collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 100, "everybody got an answer of their own");
}

#[tokio::test]
async fn an_answer_that_can_be_stored_again_is_waited_for_again() {
    let changing = |run: usize| {
        (
            [(
                "cache-control",
                if run == 1 { "no-store" } else { "max-age=60" },
            )],
            run.to_string(),
        )
    };
    let crowd = Crowd::at(memory().layer().ttl(MINUTE), changing).await;
    crowd.gate.add_permits(500);
    assert_eq!(crowd.site.get("/").await.text(), "1");
    assert_eq!(crowd.site.hit("/").await.text(), "2");
}

#[tokio::test]
async fn an_error_of_the_service_is_its_callers_and_one_other_goes_on() {
    let (runs, gate) = (Runs::default(), Arc::new(Semaphore::new(0)));
    let (counted, closed) = (runs.clone(), Arc::clone(&gate));
    let service = memory()
        .layer()
        .ttl(MINUTE)
        .layer(service_fn(move |_: Ask| {
            let (run, closed) = (counted.next(), Arc::clone(&closed));
            async move {
                closed.acquire().await.unwrap().forget();
                if run == 1 {
                    Err("broken")
                } else {
                    Ok(Response::new(Full::from(Bytes::from("page"))))
                }
            }
        }));
    let mut calls = join_all((0..20).map(|_| Box::pin(service.clone().oneshot(get("/")))));
    assert!(futures_util::poll!(&mut calls).is_pending());
    gate.add_permits(20);
    let (errors, pages): (Vec<_>, Vec<_>) = calls.await.into_iter().partition(Result::is_err);
    assert_eq!(
        errors
            .into_iter()
            .map(Result::unwrap_err)
            .collect::<Vec<_>>(),
        ["broken"]
    );
    for page in pages {
        assert_eq!(
            page.unwrap()
                .into_body()
                .collect()
                .await
                .unwrap()
                .to_bytes(),
            "page"
        );
    }
    assert_eq!(runs.count(), 2);
}

#[tokio::test]
async fn a_panic_of_the_handler_is_its_callers_and_one_other_goes_on() {
    let (runs, gate) = (Runs::default(), Arc::new(Semaphore::new(0)));
    let (counted, closed) = (runs.clone(), Arc::clone(&gate));
    let service = memory()
        .layer()
        .ttl(MINUTE)
        .layer(service_fn(move |_: Ask| {
            let (run, closed) = (counted.next(), Arc::clone(&closed));
            async move {
                closed.acquire().await.unwrap().forget();
                if run == 1 {
                    panic::resume_unwind(Box::new("a panic without a word on the terminal"));
                }
                Ok::<_, Infallible>(Response::new(Full::from(Bytes::from("page"))))
            }
        }));
    let mut calls: Vec<_> = (0..20)
        .map(|_| tokio::spawn(service.clone().oneshot(get("/"))))
        .collect();
    runs.reach(1).await;
    let first = calls.remove(0);
    gate.add_permits(20);
    assert!(first.await.unwrap_err().is_panic());
    for call in calls {
        assert_eq!(
            call.await
                .unwrap()
                .unwrap()
                .into_body()
                .collect()
                .await
                .unwrap()
                .to_bytes(),
            "page"
        );
    }
    assert_eq!(runs.count(), 2);
}

#[tokio::test]
async fn nothing_of_one_clients_answer_reaches_those_who_waited_with_it() {
    let login = |run: usize| {
        (
            [("set-cookie", format!("session={run}"))],
            format!("run {run}"),
        )
    };
    let crowd = Crowd::at(memory().layer().ttl(MINUTE), login).await;
    let calls = crowd.wave(20).await;
    crowd.gate.add_permits(20);
    let mut cookies: Vec<_> = answers(calls)
        .await
        .iter()
        .map(|answer| answer.header("set-cookie").unwrap().to_owned())
        .collect();
    cookies.sort();
    cookies.dedup();
    assert_eq!(cookies.len(), 20);
}

#[tokio::test]
async fn a_copy_is_as_old_as_the_answer_was() {
    let aged = |_| [("cache-control", "max-age=60"), ("age", "50")];
    let crowd = Crowd::at(memory().layer(), aged).await;
    let calls = crowd.wave(3).await;
    crowd.gate.add_permits(3);
    for answer in answers(calls).await {
        let age = answer.header("age").map(|age| age.parse::<u64>().unwrap());
        assert!(age >= Some(50), "{answer:?}");
    }
    assert_eq!(crowd.runs.count(), 1);
}
