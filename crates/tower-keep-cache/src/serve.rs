use std::{future::Future, panic::resume_unwind, sync::Arc, time::SystemTime};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body as HttpBody;
use tokio::sync::oneshot;
use tower_keep_core::{Body, RedisBudget, SessionTouched};
use tower_service::Service;
use tracing::Instrument;

use crate::{
    engine::{Admission, AloneReason, Engine, Outcome, Scope},
    fill::Leader,
    key::EntryKey,
    look::{Looked, look, look_at_hand},
    policy::{Detail, Forward, Forwarded, Handling, Portion, ask_for_all},
    route::{Question, Route},
    tag::Tag,
    telemetry::{Handled, Owner},
    wanted::Wanted,
};

/// Answers a request for which there is an entry in this process, without a future.
pub(crate) fn at_hand<ReqB, ResB: HttpBody>(
    engine: &Engine,
    route: &Route,
    request: &Request<ReqB>,
    question: &Question,
    owner: &Owner,
) -> Option<Response<Body<ResB>>> {
    let wanted = Wanted::of(request, question);
    let hit = look_at_hand(engine, route, question, request.headers())?;
    if wanted.of_entry(&hit.entry) == Portion::Failed {
        return None;
    }
    owner.hit(&hit);
    Scope::report(&hit.tags);
    Some(route.hit(hit.entry, &wanted))
}

/// Answers a request with which the cache has to do.
#[allow(
    clippy::manual_async_fn,
    reason = "it would have room for the arguments twice, and every hit pays for the room"
)]
pub(crate) fn serve<S, ReqB, ResB>(
    engine: Arc<Engine>,
    route: Arc<Route>,
    inner: S,
    request: Request<ReqB>,
    question: Question,
    tags: Vec<Tag>,
    owner: Arc<Owner>,
) -> impl Future<Output = Result<Response<Body<ResB>>, S::Error>> + Send
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
    S::Error: Send + 'static,
    S::Future: Send + 'static,
    ReqB: Send + 'static,
    ResB: HttpBody<Data = Bytes> + Send + 'static,
    ResB::Error: Send + 'static,
{
    async move {
        let wanted = Wanted::of(&request, &question);
        let looked = look(
            &engine,
            &route,
            &question,
            request.headers(),
            &wanted,
            &tags,
        )
        .await;
        let Looked { admission, key } = looked;
        let Some(admission) = admission else {
            owner.handled(Handled::Unsatisfied);
            return Ok(route.bare(StatusCode::GATEWAY_TIMEOUT, Handling::Unsatisfied));
        };
        owner.admitted(&admission);
        match admission {
            Admission::Hit(hit) => {
                Scope::report(&hit.tags);
                Ok(route.hit(hit.entry, &wanted))
            }
            // Boxed, so that a hit does not carry the room for it.
            missed => {
                let errand = Errand {
                    inner,
                    request,
                    key: key.unwrap_or_else(|| question.key.clone()),
                    question,
                    tags,
                };
                Box::pin(miss(engine, route, errand, missed, &wanted)).await
            }
        }
    }
}

/// What it takes to ask the handler.
struct Errand<S, ReqB> {
    inner: S,
    request: Request<ReqB>,
    /// Under which it was looked for: that of the page, or of a variant that the page was known to have.
    key: EntryKey,
    question: Question,
    /// Of the route.
    tags: Vec<Tag>,
}

/// Answers a request for which nothing was stored that is good enough.
async fn miss<S, ReqB, ResB>(
    engine: Arc<Engine>,
    route: Arc<Route>,
    errand: Errand<S, ReqB>,
    admission: Admission,
    wanted: &Wanted,
) -> Result<Response<Body<ResB>>, S::Error>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
    S::Error: Send + 'static,
    S::Future: Send + 'static,
    ReqB: Send + 'static,
    ResB: HttpBody<Data = Bytes> + Send + 'static,
    ResB::Error: Send + 'static,
{
    let Errand {
        mut inner,
        request,
        key,
        question,
        tags,
    } = errand;
    let why = match key == question.key {
        true => Forward::UriMiss,
        false => Forward::VaryMiss,
    };
    match admission {
        Admission::Hit(hit) => Ok(route.hit(hit.entry, wanted)),
        Admission::Copy(Outcome::Entry(hit)) => {
            Scope::report(&hit.tags);
            Ok(route.collapsed(hit.entry, wanted))
        }
        Admission::Copy(Outcome::Failed(failure)) => Ok(route.failed(&*failure, wanted.head)),
        Admission::Alone(reason) => {
            // A layer around this one may make an entry, which needs the tags of this route, too.
            Scope::report_named(&tags);
            if reason == AloneReason::Nested {
                let mut response = inner.call(request).await?;
                route.leave_ttl(response.extensions_mut());
                return Ok(response.map(Body::inner));
            }
            // A layer inside need neither look nor wait for what this one has looked and waited for.
            let scope = engine.scope(key);
            let answered = scope.run(async move { inner.call(request).await }).await;
            scope.report_outward(&[]);
            let mut response = answered?;
            route
                .cache_status
                .append(response.headers_mut(), alone(reason, why));
            Ok(response.map(Body::inner))
        }
        Admission::Lead(fill) => {
            let leader = Leader {
                fill,
                route: Arc::clone(&route),
                expected: tags,
                scope: engine.scope(key.clone()),
                session: request.extensions().get::<SessionTouched>().cloned(),
                authorized: question.authorized,
                headers: request.headers().clone(),
                key,
                page: question.key,
                why,
            };
            let response = lead(&route, leader, inner, request).await?;
            Ok(wanted.of_answer(response))
        }
    }
}

/// Runs the handler in a task of its own and waits for the head of its answer.
async fn lead<S, ReqB, ResB>(
    route: &Route,
    leader: Leader,
    inner: S,
    mut request: Request<ReqB>,
) -> Result<Response<Body<ResB>>, S::Error>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
    S::Error: Send + 'static,
    S::Future: Send + 'static,
    ReqB: Send + 'static,
    ResB: HttpBody<Data = Bytes> + Send + 'static,
    ResB::Error: Send + 'static,
{
    // The answer is for everybody: routers empty the body of HEAD, and "not modified" is true of one client's copy.
    *request.method_mut() = Method::GET;
    ask_for_all(request.headers_mut(), None, SystemTime::now());
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
