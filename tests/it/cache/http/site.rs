//! An axum server on loopback, and what asks it.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::Router;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use testkit::eventually;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tower::{Service, ServiceExt};
use tower_keep_cache::Cache;
use tower_keep_core::connection::ConnectionManager;

pub(super) const SOON: Duration = Duration::from_secs(20);
pub(super) const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn memory() -> Cache {
    Cache::new(ConnectionManager::open("memory:").unwrap())
}

/// How often a handler has begun to run.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs(Arc<AtomicUsize>);

impl Runs {
    /// Counts one more, and says which it is: the first is 1.
    pub(super) fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    pub(super) async fn reach(&self, count: usize) {
        eventually(SOON, async || self.count() >= count).await;
    }
}

pub(super) struct Site {
    pub(super) address: SocketAddr,
    /// None where another process serves.
    server: Option<JoinHandle<()>>,
}

impl Site {
    pub(super) async fn serve(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            server: Some(server),
        }
    }

    /// One that another process serves.
    pub(super) fn elsewhere(address: SocketAddr) -> Self {
        Self {
            address,
            server: None,
        }
    }

    /// Sends a request on a connection of its own.
    pub(super) async fn send(&self, request: Request<Empty<Bytes>>) -> Call {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(async move {
            let _ = connection.await;
        });
        let answered = tokio::spawn(async move { sender.send_request(request).await });
        Call {
            answered,
            connection,
        }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(get(path)).await.answer().await
    }

    /// Asks until the answer comes from the cache: a client may be back before what it got is stored.
    pub(super) async fn hit(&self, path: &str) -> Answer {
        let mut answer = self.get(path).await;
        eventually(SOON, async || {
            answer = self.get(path).await;
            answer.is_hit()
        })
        .await;
        answer
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

/// A request on its way.
pub(super) struct Call {
    answered: JoinHandle<hyper::Result<Response<Incoming>>>,
    connection: JoinHandle<()>,
}

impl Call {
    /// The head of the answer; its body is still to be read.
    pub(super) async fn head(&mut self) -> Response<Incoming> {
        (&mut self.answered).await.unwrap().unwrap()
    }

    /// `None` if the connection ends first.
    pub(super) async fn try_head(mut self) -> Option<Response<Incoming>> {
        (&mut self.answered).await.unwrap().ok()
    }

    pub(super) async fn answer(mut self) -> Answer {
        Answer::of(self.head().await).await
    }

    pub(super) fn hang_up(&self) {
        self.connection.abort();
        self.answered.abort();
    }
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) trailers: Option<HeaderMap>,
}

impl Answer {
    pub(super) async fn of<B>(response: Response<B>) -> Self
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::fmt::Debug,
    {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: body.to_bytes(),
            trailers,
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// What `Cache-Status` says; of nested caches, the outermost.
    pub(super) fn handling(&self) -> &str {
        let last = self.headers.get_all("cache-status").iter().next_back();
        last.map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn is_hit(&self) -> bool {
        self.handling().contains("; hit")
    }
}

pub(super) fn get(path: &str) -> Request<Empty<Bytes>> {
    request("GET", path, &[])
}

pub(super) fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Empty<Bytes>> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Empty::new()).unwrap()
}

/// Asks a bare service that cannot fail.
pub(super) async fn ask<S, R, B>(service: &S, request: Request<R>) -> Answer
where
    S: Service<Request<R>, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    match service.clone().oneshot(request).await {
        Ok(response) => Answer::of(response).await,
    }
}

/// Asks a bare service until the answer comes from the cache.
pub(super) async fn hit<S, B>(service: &S, path: &str) -> Answer
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let mut answer = ask(service, get(path)).await;
    eventually(SOON, async || {
        answer = ask(service, get(path)).await;
        answer.is_hit()
    })
    .await;
    answer
}
