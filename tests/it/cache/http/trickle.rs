//! A body that the test makes frame by frame.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub(super) struct Trickle {
    frames: UnboundedReceiver<Result<Frame<Bytes>, Broken>>,
}

/// Makes the frames of a [`Trickle`]. Dropped, the body ends.
#[derive(Clone)]
pub(super) struct Tap(UnboundedSender<Result<Frame<Bytes>, Broken>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

pub(super) fn trickle() -> (Tap, Trickle) {
    let (tap, frames) = unbounded_channel();
    (Tap(tap), Trickle { frames })
}

impl Tap {
    pub(super) fn send(&self, text: &'static str) {
        self.frame(Ok(Frame::data(Bytes::from(text))));
    }

    /// False if nobody reads any more.
    pub(super) fn try_send(&self, text: &'static str) -> bool {
        self.0.send(Ok(Frame::data(Bytes::from(text)))).is_ok()
    }

    pub(super) fn trailers(&self, trailers: HeaderMap) {
        self.frame(Ok(Frame::trailers(trailers)));
    }

    pub(super) fn fail(&self) {
        self.frame(Err(Broken));
    }

    /// Until nobody reads any more.
    pub(super) async fn dropped(&self) {
        self.0.closed().await;
    }

    fn frame(&self, frame: Result<Frame<Bytes>, Broken>) {
        assert!(self.0.send(frame).is_ok(), "nobody reads the body");
    }
}

impl http_body::Body for Trickle {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.frames.poll_recv(cx)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body broke off")
    }
}

impl std::error::Error for Broken {}
