//! The services that are measured with and without the layer.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::Full;
use tower_keep::Body;
use tower_keep::connection::{ConnectionManager, Key, Redis};
use tower_layer::Layer;
use tower_service::Service;

use super::{redis, store};

/// How many different resources the requests ask for, in turn.
pub(crate) const RESOURCES: usize = 64;

const PATH: &str = "/products/";

/// Makes the requests of a bench.
#[derive(Clone, Debug)]
pub(crate) struct Requests {
    method: Method,
    uris: Vec<Uri>,
}

impl Requests {
    pub(crate) fn new(method: Method) -> Self {
        let uri = |n| format!("{PATH}{n}").parse().expect("a path");
        Self {
            method,
            uris: (0..RESOURCES).map(uri).collect(),
        }
    }

    pub(crate) fn make<B: Default>(&self, n: usize) -> Request<B> {
        let mut request = Request::new(B::default());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uris[n % RESOURCES].clone();
        request
            .headers_mut()
            .insert(HOST, HeaderValue::from_static("shop.example"));
        request
            .headers_mut()
            .insert(ACCEPT, HeaderValue::from_static("application/json"));
        request
    }
}

/// Answers at once.
#[derive(Clone, Debug)]
pub(crate) struct Handler {
    body: Bytes,
}

impl Handler {
    pub(crate) fn new(length: usize) -> Self {
        Self {
            body: Bytes::from(vec![b'x'; length]),
        }
    }
}

impl<B> Service<Request<B>> for Handler {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(response(self.body.clone())))
    }
}

pub(crate) fn response(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=600"),
    );
    response
}

/// What a handler answers with that does one bare GET: values under keys as long as those of the cache.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    redis: Redis,
    keys: Arc<[Key]>,
    _manager: ConnectionManager,
}

impl Stored {
    pub(crate) async fn fill(manager: ConnectionManager, length: usize) -> Self {
        let redis = redis(&manager);
        let keys: Arc<[Key]> = (0..RESOURCES)
            .map(|n| Key::from(format!("{n:0>54}")))
            .collect();
        for key in keys.iter() {
            store(&redis, key.clone(), length).await;
        }
        Self {
            redis,
            keys,
            _manager: manager,
        }
    }

    /// Finds the key without making one, so that what is compared with this pays for its own.
    pub(crate) fn get<B>(
        &self,
        request: &Request<B>,
    ) -> impl Future<Output = Response<Full<Bytes>>> + use<B> {
        let n: usize = request.uri().path()[PATH.len()..]
            .parse()
            .expect("a number");
        let (redis, key) = (self.redis.clone(), self.keys[n].clone());
        async move {
            response(
                redis
                    .get(key)
                    .await
                    .expect("a running Redis")
                    .expect("it is stored"),
            )
        }
    }
}

/// Does nothing but change the type of the body, which axum then boxes once more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyTypeOnly;

impl<S> Layer<S> for BodyTypeOnly {
    type Service = MapBody<S>;

    fn layer(&self, inner: S) -> MapBody<S> {
        MapBody { inner }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct MapBody<S> {
    inner: S,
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for MapBody<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: http_body::Body,
{
    type Response = Response<Body<ResB>>;
    type Error = S::Error;
    type Future =
        futures_util::future::MapOk<S::Future, fn(Response<ResB>) -> Response<Body<ResB>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        futures_util::TryFutureExt::map_ok(self.inner.call(request), |response| {
            response.map(Body::inner)
        })
    }
}
