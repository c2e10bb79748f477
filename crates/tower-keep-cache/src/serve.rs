use std::{borrow::Cow, future::Future, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body as HttpBody;
use tokio::time::Instant;
use tower_keep_core::Body;
use tower_service::Service;

use crate::{
    engine::{Admission, Engine, Scope},
    entry::Entry,
    errand::Errand,
    fallback::{Stored, ask_or_stale},
    look::{Looked, look, look_at_hand},
    policy::{Handling, Serving},
    route::{Question, Route},
    tag::Tag,
    telemetry::{Handled, Owner},
    wanted::Wanted,
};

/// Answers a request for which there is an entry in this process, without a future.
pub(crate) fn at_hand<'a, ReqB, ResB: HttpBody>(
    engine: &Engine,
    route: &Route,
    request: &Request<ReqB>,
    question: &Question,
    owner: impl FnOnce() -> Cow<'a, Arc<Owner>>,
) -> Option<Response<Body<ResB>>> {
    let hit = look_at_hand(engine, route, question, request.headers())?;
    let wanted = Wanted::of(request, question);
    let age = hit.entry.age(Entry::now());
    if wanted.serving(&hit.entry, age) != Serving::Fresh || route.is_due(&hit.entry, age) {
        return None;
    }
    owner().hit(&hit);
    Scope::report(&hit.tags);
    Some(route.hit(hit.entry, age, &wanted))
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
        let headers = request.headers();
        let looking = look(&engine, &route, &question, headers, &wanted, &tags);
        // In a box of its own: two small ones, which an allocator has at hand, cost less than a large one.
        let looking = Box::pin(looking);
        let patience = route
            .soft_deadline
            .map(|deadline| Instant::now() + deadline);
        let looked = match patience {
            None => looking.await,
            Some(until) => {
                let key = route.variants.key(&question.key, headers);
                let stored = Stored {
                    engine: &engine,
                    route: &route,
                    key: key.as_ref().unwrap_or(&question.key),
                    tags: &tags,
                    wanted: &wanted,
                };
                match Box::pin(stored.instead_of(looking, until)).await {
                    Ok(looked) => looked,
                    Err(response) => return Ok(response),
                }
            }
        };
        let Looked {
            admission,
            key,
            fallback,
        } = looked;
        let Some(admission) = admission else {
            owner.handled(Handled::Unsatisfied);
            return Ok(route.bare(StatusCode::GATEWAY_TIMEOUT, Handling::Unsatisfied));
        };
        owner.admitted(&admission);
        let errand = |engine, route| Errand {
            engine,
            route,
            inner,
            request,
            key: key.unwrap_or_else(|| question.key.clone()),
            question,
            tags,
        };
        match admission {
            Admission::Hit(hit) => {
                Scope::report(&hit.tags);
                let age = hit.entry.age(Entry::now());
                if route.is_due(&hit.entry, age) {
                    errand(engine, Arc::clone(&route)).refresh(hit.clone());
                }
                Ok(route.hit(hit.entry, age, &wanted))
            }
            // Boxed, so that a hit does not carry the room for it.
            missed if fallback => {
                let errand = errand(engine, route);
                Box::pin(ask_or_stale(errand, missed, &wanted, patience)).await
            }
            missed => Box::pin(errand(engine, route).run(missed, &wanted)).await,
        }
    }
}
