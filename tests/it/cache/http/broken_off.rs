//! Answers that never come to an end, and clients that do not wait for it.

use std::{
    future::pending,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, routing::get as route};
use bytes::Bytes;
use futures_util::future::join_all;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use testkit::eventually;
use tokio::{
    sync::mpsc::{self, UnboundedReceiver},
    time::sleep,
};
use tower_keep_cache::Cache;

use super::{
    site::{MINUTE, Runs, SOON, Site, get, memory},
    trickle::{Tap, Trickle, trickle},
};

const SHORT: Duration = Duration::from_millis(200);

/// Gives one chunk, and panics when it is asked for the next.
struct Panicking(Option<Bytes>);

impl Body for Panicking {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let chunk = self.0.take().expect("a handler's body with a defect");
        // So that the chunk is on its way before the panic.
        cx.waker().wake_by_ref();
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }
}

#[tokio::test]
async fn a_body_that_panics_breaks_off_for_everybody_and_is_not_stored() {
    let runs = Runs::default();
    let counted = runs.clone();
    let handler = move || {
        counted.next();
        async { axum::body::Body::new(Panicking(Some(Bytes::from("half")))) }
    };
    let layer = memory().layer().ttl(MINUTE);
    let site = Site::serve(Router::new().route("/", route(handler).layer(layer))).await;
    let ask = async || {
        let answered = site.send(get("/")).await.try_head().await;
        match answered {
            Some(response) => response.into_body().collect().await.is_err(),
            None => true,
        }
    };
    assert!(ask().await, "half an answer that looks whole");
    let asked = join_all((0..8).map(|_| ask())).await;
    assert_eq!(asked, [true; 8]);
    // Nobody was handed a stored one.
    assert!(runs.count() >= 2);
}

/// What a handler holds while it runs, and its body after it.
#[derive(Clone)]
struct Held(Arc<()>);

impl Held {
    fn new() -> Self {
        Self(Arc::default())
    }

    async fn is_released(&self) {
        eventually(SOON, async || Arc::strong_count(&self.0) == 1).await;
    }
}

#[tokio::test]
async fn a_handler_without_an_end_ends_at_the_fill_timeout_if_its_client_is_gone() {
    let (held, runs) = (Held::new(), Runs::default());
    let (holding, counted) = (held.clone(), runs.clone());
    let handler = move || {
        let holding = holding.clone();
        counted.next();
        async move {
            pending::<()>().await;
            drop(holding);
        }
    };
    let layer = memory().fill_timeout(SHORT).layer().ttl(MINUTE);
    let site = Site::serve(Router::new().route("/", route(handler).layer(layer))).await;
    let call = site.send(get("/")).await;
    runs.reach(1).await;
    call.hang_up();
    drop(site);
    held.is_released().await;
}

/// A route whose bodies are made by the test; the handler answers when it is told to.
async fn tapped_site(cache: Cache) -> (Site, UnboundedReceiver<(Tap, mpsc::Sender<()>)>) {
    let (runs, taps) = mpsc::unbounded_channel();
    let handler = move || {
        let (tap, body): (Tap, Trickle) = trickle();
        let (answer, mut answers) = mpsc::channel(1);
        runs.send((tap, answer)).unwrap();
        async move {
            answers.recv().await;
            axum::body::Body::new(body)
        }
    };
    let layer = cache.layer().ttl(MINUTE);
    let site = Site::serve(Router::new().route("/", route(handler).layer(layer))).await;
    (site, taps)
}

#[tokio::test]
async fn an_endless_body_ends_at_the_fill_timeout_if_its_client_is_gone() {
    let (site, mut taps) = tapped_site(memory().fill_timeout(SHORT)).await;
    let mut call = site.send(get("/")).await;
    let (tap, answer) = taps.recv().await.unwrap();
    answer.send(()).await.unwrap();
    let response = call.head().await;
    call.hang_up();
    drop(response);
    let trickling = async {
        while tap.try_send("more ") {
            sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, trickling).await.unwrap();
}

/// It is looked for every five seconds.
#[tokio::test]
async fn a_body_that_stands_still_ends_too() {
    let (site, mut taps) = tapped_site(memory().fill_timeout(SHORT)).await;
    let mut call = site.send(get("/")).await;
    let (tap, answer) = taps.recv().await.unwrap();
    answer.send(()).await.unwrap();
    let response = call.head().await;
    tap.send("and then no more");
    call.hang_up();
    drop(response);
    tokio::time::timeout(SOON, tap.dropped()).await.unwrap();
}

/// When a client hangs up.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Leaves {
    BeforeTheHead,
    AfterTheHead,
    AfterTheFirstChunk,
    BeforeTheEnd,
}

#[tokio::test]
async fn whenever_a_client_hangs_up_its_fill_goes_on_and_is_stored() {
    for leaves in [
        Leaves::BeforeTheHead,
        Leaves::AfterTheHead,
        Leaves::AfterTheFirstChunk,
        Leaves::BeforeTheEnd,
    ] {
        let (site, mut taps) = tapped_site(memory()).await;
        let mut call = site.send(get("/")).await;
        let (tap, answer) = taps.recv().await.unwrap();
        if leaves == Leaves::BeforeTheHead {
            call.hang_up();
        }
        answer.send(()).await.unwrap();
        if leaves != Leaves::BeforeTheHead {
            let mut response = call.head().await;
            for (text, last) in [
                ("", Leaves::AfterTheHead),
                ("first ", Leaves::AfterTheFirstChunk),
                ("and last", Leaves::BeforeTheEnd),
            ] {
                if !text.is_empty() {
                    tap.send(text);
                    let chunk = response.body_mut().frame().await.unwrap().unwrap();
                    assert_eq!(chunk.into_data().unwrap(), text);
                }
                if leaves == last {
                    break;
                }
            }
            call.hang_up();
        }
        // What it has not been sent yet.
        if matches!(leaves, Leaves::BeforeTheHead | Leaves::AfterTheHead) {
            tap.send("first ");
        }
        if leaves != Leaves::BeforeTheEnd {
            tap.send("and last");
        }
        drop(tap);
        assert_eq!(site.hit("/").await.text(), "first and last", "{leaves:?}");
        assert!(taps.is_empty(), "{leaves:?}: it ran once");
    }
}
