use std::{
    task::{Context, Poll},
    time::Duration,
};

use http::Request;
use tower_service::Service;

use super::{RedisBudget, future::RedisBudgetFuture};

/// The service that [`RedisBudgetLayer`](super::RedisBudgetLayer) makes.
#[derive(Clone, Debug)]
pub struct RedisBudgetService<S> {
    inner: S,
    total: Duration,
}

impl<S> RedisBudgetService<S> {
    pub(super) fn new(inner: S, total: Duration) -> Self {
        Self { inner, total }
    }
}

impl<S, B> Service<Request<B>> for RedisBudgetService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = RedisBudgetFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let budget = request
            .extensions_mut()
            .get_or_insert_with(|| RedisBudget::new(self.total))
            .clone();
        let inner = budget.enter(|| self.inner.call(request));
        RedisBudgetFuture::new(budget, inner)
    }
}
