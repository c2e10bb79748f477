use std::time::Duration;

use tower_layer::Layer;

use super::service::RedisBudgetService;

/// Gives every request a [`RedisBudget`](super::RedisBudget), which all layers and the handler inside share.
///
/// Belongs around all layers that work on Redis. A request that has a budget already keeps it.
///
/// ```
/// use std::{convert::Infallible, time::Duration};
///
/// use http::{Request, Response};
/// use tower_keep_core::{RedisBudget, RedisBudgetLayer};
/// use tower_layer::Layer;
/// use tower_service::Service;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Infallible> {
/// # struct Handler;
/// # impl Service<Request<()>> for Handler {
/// #     type Response = Response<Duration>;
/// #     type Error = Infallible;
/// #     type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>>>>;
/// #     fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
/// #         std::task::Poll::Ready(Ok(()))
/// #     }
/// #     fn call(&mut self, _: Request<()>) -> Self::Future {
/// #         Box::pin(async { Ok(Response::new(RedisBudget::current().unwrap().remaining())) })
/// #     }
/// # }
/// let mut service = RedisBudgetLayer::new(Duration::from_millis(100)).layer(Handler);
/// // The handler answers with what `RedisBudget::current()` has left.
/// let left = service.call(Request::new(())).await?.into_body();
/// assert_eq!(left, Duration::from_millis(100));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use = "a layer does nothing until it is put around a service"]
pub struct RedisBudgetLayer {
    total: Duration,
}

impl RedisBudgetLayer {
    /// So much for each request.
    pub fn new(total: Duration) -> Self {
        Self { total }
    }
}

impl Default for RedisBudgetLayer {
    /// 500 ms: the longest deadline that any handle has, so that it cuts no operation short, and only keeps several
    /// layers from costing their sum.
    fn default() -> Self {
        Self::new(Duration::from_millis(500))
    }
}

impl<S> Layer<S> for RedisBudgetLayer {
    type Service = RedisBudgetService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RedisBudgetService::new(inner, self.total)
    }
}
