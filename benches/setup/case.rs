//! The cases: a service, the requests that it gets, and the runtime that it runs on.

use std::convert::Infallible;
use std::fmt;
use std::hint::black_box;
use std::time::Duration;

use axum::Router;
use axum::extract::Request as AxumRequest;
use axum::routing::get;
use bytes::{Buf, Bytes};
use http::header::CACHE_STATUS;
use http::{Method, Request, Response};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt, Full};
use tokio::runtime::Runtime;
use tower::ServiceExt;
use tower_keep::cache::{Cache, ResponseCacheLayer};
use tower_keep::connection::ConnectionManager;
use tower_layer::Layer;
use tower_service::Service;

use super::service::{BodyTypeOnly, Handler, RESOURCES, Requests, Stored};
use super::{manager, runtime};

/// Makes so many requests on a runtime.
type Run = Box<dyn FnMut(&Runtime, usize)>;

/// Something to run under callgrind, warmed up.
pub(crate) struct Case {
    runtime: Runtime,
    run: Run,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Case(..)")
    }
}

impl Case {
    pub(crate) fn run(&mut self, requests: usize) {
        (self.run)(&self.runtime, requests);
    }

    /// A service that answers at once.
    pub(crate) fn handler(length: usize) -> Self {
        Self::tower(runtime(), Handler::new(length), Method::GET, None)
    }

    pub(crate) fn options() -> Self {
        Self::tower(runtime(), Handler::new(1024), Method::OPTIONS, None)
    }

    /// The same behind a layer that only changes the type of the body.
    pub(crate) fn options_with_another_body() -> Self {
        let service = BodyTypeOnly.layer(Handler::new(1024));
        Self::tower(runtime(), service, Method::OPTIONS, None)
    }

    /// A service that answers with what a bare GET brings.
    pub(crate) fn get(length: usize) -> Self {
        let (runtime, stored) = filled(length);
        let service = tower::service_fn(move |request: Request<Full<Bytes>>| {
            let get = stored.get(&request);
            async move { Ok::<_, Infallible>(get.await) }
        });
        Self::tower(runtime, service, Method::GET, None)
    }

    pub(crate) fn redis_hit(length: usize) -> Self {
        let runtime = runtime();
        let layer = plain(&Cache::new(manager(&runtime)));
        Self::tower(
            runtime,
            layer.layer(Handler::new(length)),
            Method::GET,
            Some("hit"),
        )
    }

    pub(crate) fn memory_hit(length: usize) -> Self {
        Self::tower(
            runtime(),
            plain(&in_memory()).layer(Handler::new(length)),
            Method::GET,
            Some("hit"),
        )
    }

    /// The layer has nothing to do with the request.
    pub(crate) fn bypass() -> Self {
        Self::not_cached(Method::OPTIONS)
    }

    /// The layer ends what the request may have made out of date.
    pub(crate) fn write() -> Self {
        Self::not_cached(Method::POST)
    }

    fn not_cached(method: Method) -> Self {
        Self::tower(
            runtime(),
            plain(&in_memory()).layer(Handler::new(1024)),
            method,
            Some("fwd=method"),
        )
    }

    pub(crate) fn axum_handler() -> Self {
        let route = get(async || super::service::response(Bytes::from_static(&[b'x'; 1024])));
        Self::axum(
            runtime(),
            Router::new().route("/products/{id}", route.layer(BodyTypeOnly)),
            None,
        )
    }

    pub(crate) fn axum_get() -> Self {
        let (runtime, stored) = filled(1024);
        let route = get(async move |request: AxumRequest| stored.get(&request).await);
        Self::axum(
            runtime,
            Router::new().route("/products/{id}", route.layer(BodyTypeOnly)),
            None,
        )
    }

    pub(crate) fn axum_memory_hit() -> Self {
        Self::axum_hit(runtime(), &in_memory())
    }

    pub(crate) fn axum_redis_hit() -> Self {
        let runtime = runtime();
        let cache = Cache::new(manager(&runtime));
        Self::axum_hit(runtime, &cache)
    }

    fn axum_hit(runtime: Runtime, cache: &Cache) -> Self {
        let route = get(async || super::service::response(Bytes::from_static(&[b'x'; 1024])));
        let layer = plain(cache).tag("product:{id}");
        Self::axum(
            runtime,
            Router::new().route("/products/{id}", route.layer(layer)),
            Some("hit"),
        )
    }

    fn axum(runtime: Runtime, router: Router, expected: Option<&'static str>) -> Self {
        Self::new::<_, _, axum::body::Body>(runtime, router, Method::GET, expected)
    }

    fn tower<S, B>(
        runtime: Runtime,
        service: S,
        method: Method,
        expected: Option<&'static str>,
    ) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible> + 'static,
        B: HttpBody<Data = Bytes>,
        B::Error: fmt::Debug,
    {
        Self::new(runtime, service, method, expected)
    }

    /// Warms up until the answers say what they should.
    fn new<S, B, R>(
        runtime: Runtime,
        mut service: S,
        method: Method,
        expected: Option<&'static str>,
    ) -> Self
    where
        S: Service<Request<R>, Response = Response<B>, Error = Infallible> + 'static,
        B: HttpBody<Data = Bytes>,
        B::Error: fmt::Debug,
        R: Default + 'static,
    {
        let requests = Requests::new(method);
        let mut once = async move |n| {
            let service = service.ready().await.expect("infallible");
            let response = service.call(requests.make(n)).await.expect("infallible");
            let (head, body) = response.into_parts();
            let mut body = std::pin::pin!(body);
            let mut length = 0;
            while let Some(frame) = body.frame().await {
                length += frame
                    .expect("a whole body")
                    .data_ref()
                    .map_or(0, Buf::remaining);
            }
            black_box(length);
            head
        };
        runtime.block_on(async {
            for _ in 0..3 {
                for n in 0..RESOURCES {
                    once(n).await;
                    // What a miss leaves to do in the background.
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
            let head = once(0).await;
            let status = head
                .headers
                .get(CACHE_STATUS)
                .map(|status| status.to_str().expect("printable"));
            let as_expected = expected
                .is_none_or(|expected| status.is_some_and(|status| status.contains(expected)));
            assert!(as_expected, "{status:?} where {expected:?} was expected");
        });
        let run = move |runtime: &Runtime, requests| {
            runtime.block_on(async {
                for n in 0..requests {
                    black_box(once(n).await);
                }
            });
        };
        Self {
            runtime,
            run: Box::new(run),
        }
    }
}

fn in_memory() -> Cache {
    Cache::new(ConnectionManager::open("memory:").expect("a URL"))
}

fn plain(cache: &Cache) -> ResponseCacheLayer {
    cache.layer().ttl(Duration::from_secs(600))
}

/// A Redis that holds a value for each path.
fn filled(length: usize) -> (Runtime, Stored) {
    let runtime = runtime();
    let stored = runtime.block_on(Stored::fill(manager(&runtime), length));
    (runtime, stored)
}
