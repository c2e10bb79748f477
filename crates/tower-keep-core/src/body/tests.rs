use std::collections::VecDeque;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::{BodyExt, Empty};
use proptest::prelude::*;

use super::*;

/// An inner body of any frames and errors.
struct Frames(VecDeque<Result<Frame<Bytes>, &'static str>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(self.0.pop_front())
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(77)
    }
}

type Streamed = Body<Frames>;

fn trailers() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    trailers
}

/// One frame in words, of a body that has it at hand.
fn next<B: http_body::Body<Data = Bytes> + Unpin>(body: &mut Body<B>) -> String
where
    B::Error: std::fmt::Debug,
{
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(body).poll_frame(&mut cx) {
        Poll::Pending => "pending".into(),
        Poll::Ready(None) => "end".into(),
        Poll::Ready(Some(Err(error))) => format!("error {error:?}"),
        Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
            Ok(data) => String::from_utf8(data.into()).unwrap(),
            Err(_) => "trailers".into(),
        },
    }
}

#[test]
fn an_inner_body_passes_through_as_it_is() {
    let frames = [
        Ok(Frame::data(Bytes::from("a"))),
        Ok(Frame::trailers(trailers())),
        Err("broken"),
    ];
    let mut body = Body::inner(Frames(frames.into()));
    assert_eq!(body.size_hint().exact(), Some(77));
    assert_eq!(next(&mut body), "a");
    assert_eq!(next(&mut body), "trailers");
    assert!(!body.is_end_stream());
    assert_eq!(next(&mut body), "error \"broken\"");
    assert!(body.is_end_stream());
    assert_eq!(next(&mut body), "end");
}

#[test]
fn a_stored_body_is_its_bytes_then_its_trailers() {
    let mut body: Body<Empty<Bytes>> = Body::stored(Bytes::from("hello"), Some(trailers()));
    assert_eq!(body.size_hint().exact(), Some(5));
    assert_eq!(next(&mut body), "hello");
    assert_eq!(body.size_hint().exact(), Some(0));
    assert!(!body.is_end_stream());
    assert_eq!(next(&mut body), "trailers");
    assert!(body.is_end_stream());
    assert_eq!(next(&mut body), "end");
}

#[test]
fn a_full_body_ends_with_its_bytes() {
    let mut body: Body<Empty<Bytes>> = Body::full("hello");
    assert!(!body.is_end_stream());
    assert_eq!(next(&mut body), "hello");
    assert!(body.is_end_stream());
    assert_eq!(next(&mut body), "end");
}

#[test]
fn an_empty_body_is_over_from_the_start() {
    let mut body: Body<Empty<Bytes>> = Body::default();
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(0));
    assert_eq!(next(&mut body), "end");
}

#[test]
fn an_empty_body_may_have_trailers() {
    let mut body: Body<Empty<Bytes>> = Body::stored(Bytes::new(), Some(trailers()));
    assert!(!body.is_end_stream());
    assert_eq!(next(&mut body), "trailers");
    assert_eq!(next(&mut body), "end");
}

#[test]
fn debug_shows_no_content() {
    let (mut sender, receiver) = channel(SizeHint::new(), 1);
    sender.push(Bytes::from("secret")).unwrap();
    let streamed: Body<Empty<Bytes>> = Body::streamed(receiver);
    let stored: Body<Empty<Bytes>> = Body::full("secret");
    assert_eq!(
        format!("{stored:?}"),
        "Body::Stored { bytes: 6, trailers: false }"
    );
    let shown = format!("{streamed:?} {sender:?}");
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn what_is_sent_is_read_in_order_with_the_trailers_last() {
    let (mut sender, receiver) = channel(SizeHint::new(), 1);
    let mut body = Streamed::streamed(receiver);
    assert_eq!(next(&mut body), "pending");
    sender.push(Bytes::from("a")).unwrap();
    sender.push(Bytes::new()).unwrap();
    sender.push(Bytes::from("b")).unwrap();
    sender.finish(Some(trailers()));
    let read = [(); 5].map(|()| next(&mut body));
    assert_eq!(read, ["a", "b", "trailers", "end", "end"]);
    assert!(body.is_end_stream());
}

#[test]
fn an_error_comes_after_what_was_sent_before_it() {
    let (mut sender, receiver) = channel(SizeHint::new(), 1);
    let mut body = Streamed::streamed(receiver);
    sender.push(Bytes::from("a")).unwrap();
    sender.fail("broken");
    assert!(!body.is_end_stream());
    assert_eq!(next(&mut body), "a");
    assert!(!body.is_end_stream());
    assert_eq!(next(&mut body), "error \"broken\"");
    assert_eq!(next(&mut body), "end");
}

#[test]
fn the_size_is_what_was_announced_less_what_was_read() {
    let (mut sender, receiver) = channel(SizeHint::with_exact(3), 1);
    let mut body = Streamed::streamed(receiver);
    sender.push(Bytes::from("ab")).unwrap();
    assert_eq!(body.size_hint().exact(), Some(3));
    next(&mut body);
    assert_eq!(body.size_hint().exact(), Some(1));
    // More than announced: nothing that underflows.
    sender.push(Bytes::from("cde")).unwrap();
    next(&mut body);
    assert_eq!(body.size_hint().exact(), Some(0));
}

#[test]
fn the_size_is_exact_once_everything_was_sent() {
    let (mut sender, receiver) = channel(SizeHint::new(), 1);
    let mut body = Streamed::streamed(receiver);
    sender.push(Bytes::from("ab")).unwrap();
    sender.push(Bytes::from("c")).unwrap();
    assert_eq!(body.size_hint().exact(), None);
    sender.finish(None);
    assert_eq!(body.size_hint().exact(), Some(3));
    next(&mut body);
    assert_eq!(body.size_hint().exact(), Some(1));
    assert!(!body.is_end_stream());
    next(&mut body);
    assert!(body.is_end_stream());
}

#[test]
fn a_sender_that_vanishes_cuts_the_reader_off_instead_of_ending_the_body() {
    let (mut sender, receiver) = channel(SizeHint::new(), 1);
    let mut body = Streamed::streamed(receiver);
    sender.push(Bytes::from("half")).unwrap();
    drop(sender);
    assert_eq!(next(&mut body), "half");
    assert!(!body.is_end_stream());
    assert!(catch_unwind(AssertUnwindSafe(|| next(&mut body))).is_err());
}

#[test]
fn push_never_waits_and_tells_when_the_reader_is_gone() {
    let (mut sender, receiver) = channel::<Infallible>(SizeHint::new(), 1);
    for _ in 0..100 {
        sender.push(Bytes::from("chunk")).unwrap();
    }
    assert!(!sender.is_closed());
    drop(receiver);
    assert!(sender.is_closed());
    assert_eq!(sender.push(Bytes::from("chunk")), Err(Closed));
}

#[tokio::test]
async fn send_waits_for_room_until_the_reader_has_read() {
    let (mut sender, receiver) = channel(SizeHint::new(), 4);
    let mut body = Streamed::streamed(receiver);
    // Below the room: at once, also the chunk that goes beyond it.
    sender.send(Bytes::from("abc")).await.unwrap();
    sender.send(Bytes::from("defgh")).await.unwrap();

    let mut waiting = by_hand(sender.send(Bytes::from("i")));
    assert!(waiting.is_pending());
    assert_eq!(next(&mut body), "abc");
    assert!(waiting.is_pending(), "five bytes are still unread");
    assert_eq!(next(&mut body), "defgh");
    assert!(waiting.is_woken());
    assert_eq!(waiting.output().await, Ok(()));
    assert_eq!(next(&mut body), "i");
}

#[tokio::test]
async fn a_waiting_send_ends_when_the_reader_goes() {
    let (mut sender, receiver) = channel::<Infallible>(SizeHint::new(), 1);
    sender.send(Bytes::from("a")).await.unwrap();
    let mut waiting = by_hand(sender.send(Bytes::from("b")));
    assert!(waiting.is_pending());
    drop(receiver);
    assert!(waiting.is_woken());
    assert_eq!(waiting.output().await, Err(Closed));
}

#[tokio::test]
async fn no_room_at_all_still_lets_chunk_after_chunk_through() {
    let (mut sender, receiver) = channel(SizeHint::new(), 0);
    let body = Streamed::streamed(receiver);
    let reader = tokio::spawn(body.collect());
    for _ in 0..10 {
        sender.send(Bytes::from("x")).await.unwrap();
    }
    sender.finish(None);
    let read = reader.await.unwrap().unwrap();
    assert_eq!(read.to_bytes(), "xxxxxxxxxx");
}

proptest! {
    #[test]
    fn whatever_the_room_and_the_chunks_every_byte_arrives(
        room in 0_usize..64,
        chunks in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..32), any::<bool>()), 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let sent: Vec<u8> = chunks.iter().flat_map(|(chunk, _)| chunk).copied().collect();
        let read = runtime.block_on(async move {
            let (mut sender, receiver) = channel(SizeHint::new(), room);
            let reader = tokio::spawn(Streamed::streamed(receiver).collect());
            for (chunk, waits) in chunks {
                if waits {
                    sender.send(chunk.into()).await.unwrap();
                } else {
                    sender.push(chunk.into()).unwrap();
                }
            }
            sender.finish(Some(trailers()));
            reader.await.unwrap().unwrap()
        });
        prop_assert_eq!(read.trailers(), Some(&trailers()));
        prop_assert_eq!(read.to_bytes(), sent);
    }
}

/// A future polled by hand, which knows whether it was woken.
struct Task<F> {
    future: Pin<Box<F>>,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn by_hand<F: Future>(future: F) -> Task<F> {
    Task {
        future: Box::pin(future),
        woken: Arc::default(),
    }
}

impl<F: Future> Task<F> {
    fn is_pending(&mut self) -> bool {
        let waker = Waker::from(self.woken.clone());
        self.woken.0.store(false, Ordering::SeqCst);
        self.future
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    }

    fn is_woken(&self) -> bool {
        self.woken.0.load(Ordering::SeqCst)
    }

    async fn output(self) -> F::Output {
        self.future.await
    }
}
