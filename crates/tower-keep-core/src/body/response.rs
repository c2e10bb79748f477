use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;

use super::Receiver;

pin_project! {
    /// The response body of a layer around a service that answers with `B`.
    ///
    /// Either the inner body as it is, or bytes in memory (with trailers where gRPC needs them), or
    /// the frames that another task sends through a [channel](super::channel).
    /// The inner body is not boxed, its error type stays the same.
    ///
    /// The size is exact wherever it is known, because servers make `content-length` of it.
    pub struct Body<B: http_body::Body> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B: http_body::Body> {
        Inner { #[pin] inner: B },
        // Boxed, because gRPC alone has trailers and everybody would carry the room for them.
        Stored { data: Bytes, trailers: Option<Box<HeaderMap>> },
        Streamed { receiver: Receiver<B::Error> },
    }
}

impl<B: http_body::Body> Body<B> {
    /// The inner body, passed through frame by frame.
    pub fn inner(inner: B) -> Self {
        Self {
            kind: Kind::Inner { inner },
        }
    }

    /// These bytes and nothing after them.
    pub fn full(data: impl Into<Bytes>) -> Self {
        Self::stored(data.into(), None)
    }

    /// No bytes at all. Also the default, which tower-http's and tonic's services ask of bodies that they replace.
    pub fn empty() -> Self {
        Self::full(Bytes::new())
    }

    /// These bytes and then these trailers: what a cache has kept of an answer.
    pub fn stored(data: Bytes, trailers: Option<HeaderMap>) -> Self {
        Self {
            kind: Kind::Stored {
                data,
                trailers: trailers.map(Box::new),
            },
        }
    }

    /// What the [`Sender`](super::Sender) of this receiver sends.
    pub fn streamed(receiver: Receiver<B::Error>) -> Self {
        Self {
            kind: Kind::Streamed { receiver },
        }
    }
}

impl<B> http_body::Body for Body<B>
where
    B: http_body::Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Inner { inner } => inner.poll_frame(cx),
            KindProjection::Stored { data, trailers } => Poll::Ready(if data.is_empty() {
                trailers
                    .take()
                    .map(|trailers| Ok(Frame::trailers(*trailers)))
            } else {
                Some(Ok(Frame::data(mem::take(data))))
            }),
            KindProjection::Streamed { receiver } => receiver.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { inner } => inner.is_end_stream(),
            Kind::Stored { data, trailers } => data.is_empty() && trailers.is_none(),
            Kind::Streamed { receiver } => receiver.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { inner } => inner.size_hint(),
            Kind::Stored { data, .. } => SizeHint::with_exact(data.len() as u64),
            Kind::Streamed { receiver } => receiver.size_hint(),
        }
    }
}

impl<B: http_body::Body> Default for Body<B> {
    fn default() -> Self {
        Self::empty()
    }
}

// Says what kind of body it is, never what is in it.
impl<B: http_body::Body> fmt::Debug for Body<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Inner { .. } => f.write_str("Body::Inner(..)"),
            Kind::Stored { data, trailers } => f
                .debug_struct("Body::Stored")
                .field("bytes", &data.len())
                .field("trailers", &trailers.is_some())
                .finish(),
            Kind::Streamed { receiver } => f.debug_tuple("Body::Streamed").field(receiver).finish(),
        }
    }
}
