use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;

use super::RedisBudget;

pin_project! {
    /// The answer of a [`RedisBudgetService`](super::RedisBudgetService): the inner future, with the budget in force.
    pub struct RedisBudgetFuture<F> {
        #[pin]
        scoped: TaskLocalFuture<Option<RedisBudget>, F>,
    }
}

impl<F: Future> RedisBudgetFuture<F> {
    pub(super) fn new(budget: RedisBudget, inner: F) -> Self {
        Self {
            scoped: budget.scoped(inner),
        }
    }
}

impl<F: Future> Future for RedisBudgetFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().scoped.poll(cx)
    }
}

impl<F> fmt::Debug for RedisBudgetFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBudgetFuture").finish_non_exhaustive()
    }
}
