use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, Response, header::CACHE_STATUS};
use http_body::Body as HttpBody;
use pin_project_lite::pin_project;
use tower_keep_core::Body;

/// The one box that a request costs which has to do with the cache, and whose answer is not in this process.
pub(crate) type Served<B, E> = Pin<Box<dyn Future<Output = Result<Response<Body<B>>, E>> + Send>>;

pin_project! {
    /// The answer of a [`ResponseCache`](crate::ResponseCache): the inner future as it is where the cache has no part
    /// in a request.
    pub struct ResponseFuture<F, B: HttpBody, E> {
        #[pin]
        kind: Kind<F, B, E>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<F, B: HttpBody, E> {
        Bypassed { #[pin] inner: F, status: Option<HeaderValue> },
        Answered { response: Option<Response<Body<B>>> },
        Cached { served: Served<B, E> },
    }
}

impl<F, B: HttpBody, E> ResponseFuture<F, B, E> {
    pub(crate) fn bypassed(inner: F, status: HeaderValue) -> Self {
        Self {
            kind: Kind::Bypassed {
                inner,
                status: Some(status),
            },
        }
    }

    pub(crate) fn answered(response: Response<Body<B>>) -> Self {
        Self {
            kind: Kind::Answered {
                response: Some(response),
            },
        }
    }

    pub(crate) fn cached(served: Served<B, E>) -> Self {
        Self {
            kind: Kind::Cached { served },
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B, E>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: HttpBody,
{
    type Output = Result<Response<Body<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProjection::Bypassed { inner, status } => {
                let mut response = ready!(inner.poll(cx))?;
                if let Some(status) = status.take() {
                    response.headers_mut().append(CACHE_STATUS, status);
                }
                Poll::Ready(Ok(response.map(Body::inner)))
            }
            KindProjection::Answered { response } => {
                Poll::Ready(Ok(response.take().expect("polled after it was ready")))
            }
            KindProjection::Cached { served } => served.as_mut().poll(cx),
        }
    }
}

impl<F, B: HttpBody, E> fmt::Debug for ResponseFuture<F, B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Bypassed { .. } => "ResponseFuture::Bypassed(..)",
            Kind::Answered { .. } => "ResponseFuture::Answered(..)",
            Kind::Cached { .. } => "ResponseFuture::Cached(..)",
        })
    }
}
