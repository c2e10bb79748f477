//! The layer keeps tower's contract.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use testkit::probe::{ServiceProbe, contract};
use tower_layer::Layer;

use super::site::{MINUTE, memory, request};

type Probe = ServiceProbe<Request<Empty<Bytes>>, Response<Full<Bytes>>, &'static str>;

fn probe() -> Probe {
    ServiceProbe::answering(
        |request: Request<Empty<Bytes>>| match request.uri().path() {
            "/error" => Err("broken"),
            _ => Ok(Response::new(Full::from("page"))),
        },
    )
}

/// Requests that never hit, each for another target; with another `method` than GET the cache has no part in them.
fn misses(method: &str) -> impl Fn() -> Request<Empty<Bytes>> {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    move || {
        let target = format!("/{}", ASKED.fetch_add(1, Ordering::Relaxed));
        request(method, &target, &[])
    }
}

#[tokio::test]
async fn only_the_ready_service_is_called() {
    for method in ["GET", "POST"] {
        let probe = probe();
        let service = memory().layer().ttl(MINUTE).layer(probe.clone());
        contract::readiness(&probe, service.clone(), misses(method))
            .await
            .unwrap();
        contract::clones(&probe, service, misses(method))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_busy_service_makes_the_layer_busy() {
    let probe = probe();
    contract::backpressure(&probe, memory().layer().layer(probe.clone())).unwrap();
}

#[tokio::test]
async fn errors_come_out_as_they_are() {
    for method in ["GET", "POST"] {
        let probe = probe();
        let service = memory().layer().ttl(MINUTE).layer(probe.clone());
        contract::errors(&probe, service, request(method, "/error", &[]), || "broken")
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn requests_run_side_by_side() {
    let probe = probe();
    contract::concurrency(
        &probe,
        memory().layer().ttl(MINUTE).layer(probe.clone()),
        misses("GET"),
    )
    .await
    .unwrap();
}

/// Where the cache has no part in a request; a fill goes on without its client on purpose.
#[tokio::test]
async fn a_bypassed_request_ends_with_its_future() {
    let probe = probe();
    let service = memory().layer().ttl(MINUTE).layer(probe.clone());
    contract::cancellation(&probe, service, || request("POST", "/", &[]))
        .await
        .unwrap();
}
