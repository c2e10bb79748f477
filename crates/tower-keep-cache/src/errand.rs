//! Asking the handler.

use std::{panic::resume_unwind, sync::Arc, time::SystemTime};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body as HttpBody;
use tokio::sync::oneshot;
use tower_keep_core::{Body, RedisBudget, SessionTouched};
use tower_service::Service;
use tracing::Instrument;

use crate::{
    engine::{Admission, AloneReason, Engine, Fill, Hit, Outcome, Scope},
    entry::Entry,
    fill::{Failure, Leader},
    key::EntryKey,
    policy::{Detail, Forward, Forwarded, Handling, ask_for_all},
    route::{Question, Route},
    tag::Tag,
    wanted::Wanted,
};

/// What it takes to ask the handler.
pub(crate) struct Errand<S, ReqB> {
    pub(crate) engine: Arc<Engine>,
    pub(crate) route: Arc<Route>,
    pub(crate) inner: S,
    pub(crate) request: Request<ReqB>,
    /// Under which it was looked for: that of the page, or of a variant that the page was known to have.
    pub(crate) key: EntryKey,
    pub(crate) question: Question,
    /// Of the route.
    pub(crate) tags: Vec<Tag>,
}

impl<S, ReqB, ResB> Errand<S, ReqB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
    S::Error: Send + 'static,
    S::Future: Send + 'static,
    ReqB: Send + 'static,
    ResB: HttpBody<Data = Bytes> + Send + 'static,
    ResB::Error: Send + 'static,
{
    /// Answers a request for which nothing was stored that is good enough.
    pub(crate) async fn run(
        self,
        admission: Admission,
        wanted: &Wanted,
    ) -> Result<Response<Body<ResB>>, S::Error> {
        match admission {
            Admission::Hit(hit) => {
                let age = hit.entry.age(Entry::now());
                Ok(self.route.hit(hit.entry, age, wanted))
            }
            Admission::Copy(Outcome::Entry(hit)) => {
                Scope::report(&hit.tags);
                Ok(self.route.collapsed(hit.entry, wanted))
            }
            Admission::Copy(Outcome::Failed(failure)) => match failure.downcast_ref() {
                Some(Failure::NoAnswer) => self.alone(AloneReason::NotStorable).await,
                _ => Ok(self.route.failed(&*failure, wanted.head)),
            },
            Admission::Alone(reason) => self.alone(reason).await,
            Admission::Lead(fill) => Ok(wanted.of_answer(self.lead(fill).await?)),
        }
    }

    /// Asks with the request as it came, for nobody else.
    async fn alone(self, reason: AloneReason) -> Result<Response<Body<ResB>>, S::Error> {
        let why = self.why();
        let (mut inner, request) = (self.inner, self.request);
        // A layer around this one may make an entry, which needs the tags of this route, too.
        Scope::report_named(&self.tags);
        if reason == AloneReason::Nested {
            let mut response = inner.call(request).await?;
            self.route.leave_ttl(response.extensions_mut());
            return Ok(response.map(Body::inner));
        }
        // A layer inside need neither look nor wait for what this one has looked and waited for.
        let scope = self.engine.scope(self.key);
        let answered = scope.run(async move { inner.call(request).await }).await;
        scope.report_outward(&[]);
        let mut response = answered?;
        self.route
            .cache_status
            .append(response.headers_mut(), alone(reason, why));
        Ok(response.map(Body::inner))
    }

    /// Runs the handler in a task of its own and waits for the head of its answer.
    async fn lead(self, fill: Fill) -> Result<Response<Body<ResB>>, S::Error> {
        let route = Arc::clone(&self.route);
        let (leader, inner, request) = self.prepare(fill);
        let (head, answered) = oneshot::channel();
        let run = RedisBudget::carry(leader.run(inner, request, head));
        let task = tokio::spawn(run.in_current_span());
        match answered.await {
            Ok(answer) => answer,
            Err(_) => match task.await {
                // As if the handler had panicked here: it is for the layers outside to make an answer of it.
                Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                Ok(()) | Err(_) => Ok(route.bare(
                    StatusCode::SERVICE_UNAVAILABLE,
                    alone(AloneReason::Abandoned, Forward::UriMiss),
                )),
            },
        }
    }

    /// Runs the handler behind the back of a request that is answered with `base`, unless somebody does already.
    pub(crate) fn refresh(self, base: Hit) {
        let Some(begun) = self.engine.refresh(&self.key, &self.tags, base) else {
            return;
        };
        let refresh = async move {
            if let Admission::Lead(fill) = begun.await {
                let (leader, inner, request) = self.prepare(fill);
                // There is no client.
                let (head, _) = oneshot::channel();
                leader.run(inner, request, head).await;
            }
        };
        tokio::spawn(refresh.in_current_span());
    }

    fn why(&self) -> Forward {
        match self.key == self.question.key {
            true => Forward::UriMiss,
            false => Forward::VaryMiss,
        }
    }

    /// The request that fills the cache: for all of the answer, as it is for everybody, or for the news that what is
    /// there is still good.
    fn prepare(self, fill: Fill) -> (Leader, S, Request<ReqB>) {
        let why = self.why();
        let mut request = self.request;
        let leader = Leader {
            why,
            fill,
            resource: self
                .route
                .resource(&request)
                .filter(|_| self.route.invalidates),
            route: self.route,
            expected: self.tags,
            scope: self.engine.scope(self.key.clone()),
            session: request.extensions().get::<SessionTouched>().cloned(),
            authorized: self.question.authorized,
            cookies: self.question.cookies,
            for_head: *request.method() == Method::HEAD,
            headers: request.headers().clone(),
            key: self.key,
            page: self.question.key,
        };
        // Routers empty the body of HEAD.
        *request.method_mut() = Method::GET;
        let known = leader.base().map(|base| &base.headers);
        ask_for_all(request.headers_mut(), known, SystemTime::now());
        (leader, self.inner, request)
    }
}

fn alone(reason: AloneReason, why: Forward) -> Handling {
    let detail = match reason {
        AloneReason::WaitTimeout | AloneReason::Full | AloneReason::Abandoned => Some(Detail::Busy),
        AloneReason::NotStorable
        | AloneReason::HitForMiss
        | AloneReason::Foreign
        | AloneReason::Nested => None,
    };
    Handling::Forwarded(Forwarded {
        detail,
        why,
        ..Forwarded::default()
    })
}
