//! The upstream as a tower service: what it is asked, and what is answered in its stead when it cannot.

use std::convert::Infallible;
use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::Service;

use crate::hop_by_hop;

/// Connecting takes a round trip or two; an upstream that needs longer will not answer in time either.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Below what servers commonly close idle connections at (5 s to 75 s), so that few requests meet a closing one.
const IDLE: Duration = Duration::from_secs(4);

/// Sends requests to one authority, over connections that are kept.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    kept: Client<HttpConnector, Body>,
    /// Connects anew for each request.
    anew: Client<HttpConnector, Body>,
    authority: Authority,
    timeout: Duration,
}

/// Why the upstream has given no answer. The reason in words is for the log: clients need not know the inside.
#[derive(Debug)]
enum Silence {
    Unreachable(Error),
    TimedOut(Duration),
    Tunnel,
    Target,
}

impl Upstream {
    /// `timeout` is what the head of an answer may take, the connection included. A body may take as long as it
    /// likes: nobody can say how long a download or an event stream should be.
    pub(crate) fn new(authority: Authority, timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let anew = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector.clone());
        let kept = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Self {
            kept,
            anew,
            authority,
            timeout,
        }
    }

    /// The same request, as the upstream is to see it. `Host` stays what the client said: it is part of the message.
    fn forward(&self, request: Request<Body>) -> Result<Request<Body>, Silence> {
        if *request.method() == Method::CONNECT {
            return Err(Silence::Tunnel);
        }
        let (mut parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().cloned();
        parts.uri = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone())
            .path_and_query(target.unwrap_or_else(|| PathAndQuery::from_static("/")))
            .build()
            .map_err(|_| Silence::Target)?;
        parts.version = Version::HTTP_11;
        hop_by_hop::remove(&mut parts.headers);
        Ok(Request::from_parts(parts, body))
    }

    /// A kept connection may be closed by the upstream just when a request is on its way. One that may be repeated
    /// and has no body then goes over a new one (RFC 9110 §9.2.2), any other is never sent twice.
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, Error> {
        let again = (request.method().is_idempotent() && request.body().is_end_stream())
            .then(|| bodiless(&request));
        let answered = match (self.kept.request(request).await, again) {
            (Err(error), Some(again)) if !error.is_connect() => self.anew.request(again).await,
            (answered, _) => answered,
        };
        answered.map(|response| response.map(Body::new))
    }

    async fn ask(self, request: Request<Body>) -> Result<Response<Body>, Silence> {
        let request = self.forward(request)?;
        let answer = tokio::time::timeout(self.timeout, self.send(request));
        let mut response = answer
            .await
            .map_err(|_| Silence::TimedOut(self.timeout))?
            .map_err(Silence::Unreachable)?;
        hop_by_hop::remove(response.headers_mut());
        *response.version_mut() = Version::HTTP_11;
        Ok(response)
    }
}

fn bodiless(request: &Request<Body>) -> Request<Body> {
    let mut copy = Request::new(Body::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

impl Service<Request<Body>> for Upstream {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answered = self.clone().ask(request);
        Box::pin(async move {
            Ok(answered.await.unwrap_or_else(|silence| {
                tracing::warn!(%silence, "no answer from the upstream");
                silence.response()
            }))
        })
    }
}

impl Silence {
    fn response(&self) -> Response<Body> {
        let status = match self {
            Self::Unreachable(_) => StatusCode::BAD_GATEWAY,
            Self::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
            // RFC 9110 §9.3.6: a server that has no use for tunnels need not make any.
            Self::Tunnel => StatusCode::NOT_IMPLEMENTED,
            Self::Target => StatusCode::BAD_REQUEST,
        };
        let mut response = Response::new(Body::from(format!("{status}\n")));
        *response.status_mut() = status;
        response
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => {
                write!(f, "{error}")?;
                let mut cause = error.source();
                while let Some(error) = cause {
                    write!(f, ": {error}")?;
                    cause = error.source();
                }
                Ok(())
            }
            Self::TimedOut(limit) => write!(f, "nothing within {limit:?}"),
            Self::Tunnel => f.write_str("tunnels are not made"),
            Self::Target => f.write_str("the request names no path"),
        }
    }
}
