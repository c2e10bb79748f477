use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

/// A channel for one body: what a task sends is what the client reads.
///
/// `size` is what is known of the length beforehand (the size hint of the body that the task reads); the reader hands
/// it on, less what was read. `room` is how many unread bytes [`Sender::send`] lets stand before it waits for the
/// reader; one chunk may go beyond it. [`Sender::push`] never waits: a task that keeps the bytes anyway
/// need not be slowed down by a slow client.
///
/// ```
/// use bytes::Bytes;
/// use http_body::SizeHint;
/// use http_body_util::BodyExt;
/// use tower_keep_core::Body;
/// use tower_keep_core::body::channel;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (mut sender, receiver) = channel(SizeHint::with_exact(10), 16 * 1024);
/// let body: Body<http_body_util::Empty<Bytes>> = Body::streamed(receiver);
///
/// sender.send(Bytes::from("hello ")).await?;
/// sender.send(Bytes::from("keep")).await?;
/// sender.finish(None);
/// assert_eq!(body.collect().await.unwrap().to_bytes(), "hello keep");
/// # Ok::<(), tower_keep_core::body::Closed>(())
/// # }).unwrap();
/// ```
pub fn channel<E>(size: SizeHint, room: usize) -> (Sender<E>, Receiver<E>) {
    let shared = Arc::new(Mutex::new(State {
        chunks: VecDeque::new(),
        unread: 0,
        size,
        end: End::Open,
        reader_gone: false,
        reader: None,
        writer: None,
    }));
    let sender = Sender {
        shared: Arc::clone(&shared),
        room,
    };
    (sender, Receiver { shared })
}

struct State<E> {
    chunks: VecDeque<Bytes>,
    unread: usize,
    /// Of what the reader has not read yet.
    size: SizeHint,
    /// What comes after the chunks.
    end: End<E>,
    reader_gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

enum End<E> {
    /// Not known yet.
    Open,
    /// Nothing, or nothing more.
    Clean,
    Trailers(HeaderMap),
    Error(E),
    /// The sender is gone and never said.
    Abandoned,
}

/// The end of a [`channel`] that is written to.
///
/// Must say how the body ends: [`Sender::finish`] or [`Sender::fail`]. Dropped without either, which
/// happens when its task panics, there is no error of type `E` to give and a clean end would be a truncated
/// answer that looks whole; so the reader panics in its turn, and the server cuts the connection
/// or stream off, as if the reader had polled the panicking body itself.
pub struct Sender<E> {
    shared: Arc<Mutex<State<E>>>,
    room: usize,
}

impl<E> Sender<E> {
    /// Hands a chunk to the reader at once, however much is unread. Empty chunks are left out.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the reader is gone.
    pub fn push(&mut self, chunk: Bytes) -> Result<(), Closed> {
        let mut state = lock(&self.shared);
        if state.reader_gone {
            return Err(Closed);
        }
        if chunk.is_empty() {
            return Ok(());
        }
        state.unread += chunk.len();
        state.chunks.push_back(chunk);
        let reader = state.reader.take();
        drop(state);
        wake(reader);
        Ok(())
    }

    /// Waits until fewer bytes are unread than there is room for, then hands the chunk to the reader.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the reader is gone, also while this waits.
    pub async fn send(&mut self, chunk: Bytes) -> Result<(), Closed> {
        poll_fn(|cx| self.poll_ready(cx)).await?;
        self.push(chunk)
    }

    /// Ready once fewer bytes are unread than there is room for.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the reader is gone.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let mut state = lock(&self.shared);
        if state.reader_gone {
            return Poll::Ready(Err(Closed));
        }
        // A reader without a byte to read never waits for a writer, even where there is no room at all.
        if state.unread < self.room.max(1) {
            return Poll::Ready(Ok(()));
        }
        remember(&mut state.writer, cx);
        Poll::Pending
    }

    /// Whether the reader is gone, that is, the client has hung up.
    pub fn is_closed(&self) -> bool {
        lock(&self.shared).reader_gone
    }

    /// Ends the body, with trailers if there are any.
    pub fn finish(self, trailers: Option<HeaderMap>) {
        self.end(trailers.map_or(End::Clean, End::Trailers));
    }

    /// Ends the body with an error, which the reader gets after the chunks sent before it.
    pub fn fail(self, error: E) {
        self.end(End::Error(error));
    }

    fn end(&self, end: End<E>) {
        let mut state = lock(&self.shared);
        state.end = end;
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }
}

impl<E> Drop for Sender<E> {
    fn drop(&mut self) {
        // After `finish` and `fail` the end is known.
        if matches!(lock(&self.shared).end, End::Open) {
            self.end(End::Abandoned);
        }
    }
}

impl<E> fmt::Debug for Sender<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.shared);
        f.debug_struct("Sender")
            .field("unread", &state.unread)
            .field("room", &self.room)
            .field("closed", &state.reader_gone)
            .finish()
    }
}

/// The end of a [`channel`] that is read, by way of [`Body::streamed`](super::Body::streamed).
///
/// Dropping it tells the sender that nobody reads any more.
pub struct Receiver<E> {
    shared: Arc<Mutex<State<E>>>,
}

impl<E> Receiver<E> {
    /// See [`http_body::Body::poll_frame`].
    ///
    /// # Panics
    ///
    /// If the sender was dropped without saying how the body ends, see [`Sender`].
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        let mut state = lock(&self.shared);
        if let Some(chunk) = state.chunks.pop_front() {
            state.read(chunk.len());
            let writer = state.writer.take();
            drop(state);
            wake(writer);
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match mem::replace(&mut state.end, End::Clean) {
            End::Open => {
                state.end = End::Open;
                remember(&mut state.reader, cx);
                Poll::Pending
            }
            End::Clean => Poll::Ready(None),
            End::Trailers(trailers) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            End::Error(error) => Poll::Ready(Some(Err(error))),
            End::Abandoned => {
                drop(state);
                panic!("the task that sends this body ended before the body did");
            }
        }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        let state = lock(&self.shared);
        state.chunks.is_empty() && matches!(state.end, End::Clean)
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let state = lock(&self.shared);
        match state.end {
            // All there will ever be is here.
            End::Clean | End::Trailers(_) => SizeHint::with_exact(state.unread as u64),
            End::Open | End::Error(_) | End::Abandoned => state.size,
        }
    }
}

impl<E> Drop for Receiver<E> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared);
        state.reader_gone = true;
        let chunks = mem::take(&mut state.chunks);
        let writer = state.writer.take();
        drop(state);
        drop(chunks);
        wake(writer);
    }
}

impl<E> fmt::Debug for Receiver<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.shared);
        f.debug_struct("Receiver")
            .field("unread", &state.unread)
            .field("ended", &!matches!(state.end, End::Open))
            .finish()
    }
}

impl<E> State<E> {
    fn read(&mut self, bytes: usize) {
        self.unread -= bytes;
        let bytes = bytes as u64;
        let mut size = SizeHint::new();
        size.set_lower(self.size.lower().saturating_sub(bytes));
        if let Some(upper) = self.size.upper() {
            size.set_upper(upper.saturating_sub(bytes));
        }
        self.size = size;
    }
}

/// The reader is gone: nobody will see what is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reader of the body is gone")
    }
}

impl Error for Closed {}

fn lock<E>(shared: &Mutex<State<E>>) -> MutexGuard<'_, State<E>> {
    // Nothing panics while the lock is held, so what a poisoned lock protects is whole.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remember(waker: &mut Option<Waker>, cx: &Context<'_>) {
    match waker {
        Some(known) => known.clone_from(cx.waker()),
        None => *waker = Some(cx.waker().clone()),
    }
}

/// Only ever without the lock: waking may run or drop the other side.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
