use std::{future::poll_fn, pin::Pin, time::Duration};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tower_keep_core::body::Sender;

use super::capture::{Capture, Captured, Incomplete};

/// How often a task that waits for the handler's next chunk looks whether its client is still there: a stream that
/// stands still for good must not keep its task for good.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Moves the handler's body to the client.
pub(super) struct Pump<'a, B: Body> {
    body: Pin<&'a mut B>,
    look: Interval,
    sender: Sender<B::Error>,
    trailers: Option<HeaderMap>,
    /// Read and not yet sent.
    unsent: Option<Bytes>,
}

/// What became of a body that was to be captured.
pub(super) enum End<'a, B: Body> {
    /// Here is all of it. The client has all but its end.
    Complete(Captured, Sender<B::Error>),
    /// It will not be stored, but goes on.
    Open(Pump<'a, B>),
    /// It broke off, or ended with another length than was said.
    Broken,
    /// The client is gone, and nobody waits any more.
    Deserted,
}

enum Step<E> {
    Chunk(Bytes),
    Trailers(HeaderMap),
    Error(E),
    End,
    /// Time to look around.
    Look,
}

impl<'a, B: Body<Data = Bytes>> Pump<'a, B> {
    pub(super) fn new(body: Pin<&'a mut B>, sender: Sender<B::Error>) -> Self {
        let mut look = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            body,
            look,
            sender,
            trailers: None,
            unsent: None,
        }
    }

    /// Captures the body. The client gets each chunk at once, and however slowly it reads, nobody waits for it.
    pub(super) async fn capture(mut self, mut capture: Capture, deadline: Instant) -> End<'a, B> {
        loop {
            match self.step().await {
                Step::Chunk(chunk) => {
                    if capture.push(&chunk).is_err() {
                        self.unsent = Some(chunk);
                        return End::Open(self);
                    }
                    // A client that is gone makes no difference: the body is for the cache now.
                    let _ = self.sender.push(chunk);
                }
                Step::Trailers(trailers) => self.trailers = Some(trailers),
                Step::Error(error) => {
                    self.sender.fail(error);
                    return End::Broken;
                }
                Step::End => {
                    return match capture.finish(self.trailers) {
                        Ok(captured) => End::Complete(captured, self.sender),
                        // The server sees the same two lengths, and cuts the connection off.
                        Err(Incomplete) => {
                            self.sender.finish(None);
                            End::Broken
                        }
                    };
                }
                Step::Look => {}
            }
            if Instant::now() >= deadline {
                return if self.sender.is_closed() {
                    End::Deserted
                } else {
                    End::Open(self)
                };
            }
        }
    }

    /// Hands the rest to the client as fast as it reads; the end of the client is the end of the body.
    ///
    /// After a clean end the client has all but that end.
    pub(super) async fn forward(mut self) -> Option<(Sender<B::Error>, Option<HeaderMap>)> {
        loop {
            if let Some(chunk) = self.unsent.take() {
                self.sender.send(chunk).await.ok()?;
            }
            match self.step().await {
                Step::Chunk(chunk) => self.unsent = Some(chunk),
                Step::Trailers(trailers) => self.trailers = Some(trailers),
                Step::Error(error) => {
                    self.sender.fail(error);
                    return None;
                }
                Step::End => return Some((self.sender, self.trailers)),
                Step::Look if self.sender.is_closed() => return None,
                Step::Look => {}
            }
        }
    }

    async fn step(&mut self) -> Step<B::Error> {
        loop {
            let frame = tokio::select! {
                biased;
                frame = poll_fn(|cx| self.body.as_mut().poll_frame(cx)) => frame,
                _ = self.look.tick() => return Step::Look,
            };
            let frame = match frame {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Step::Error(error),
                None => return Step::End,
            };
            match frame.into_data() {
                Ok(chunk) => return Step::Chunk(chunk),
                Err(frame) => {
                    // What is neither does not exist yet: http-body leaves room for more.
                    if let Ok(trailers) = frame.into_trailers() {
                        return Step::Trailers(trailers);
                    }
                }
            }
        }
    }
}
