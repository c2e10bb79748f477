//! Asking the handler while there is something stale to serve if it fails (RFC 5861 section 4).

use std::{future::Future, pin::pin, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body as HttpBody;
use tokio::time::{Instant, timeout_at};
use tower_keep_core::Body;
use tower_service::Service;

use crate::{
    engine::{Admission, AloneReason, Engine, Outcome, Scope},
    entry::{Entry, Kind},
    errand::Errand,
    fill::Failure,
    key::EntryKey,
    policy::Serving,
    route::Route,
    tag::Tag,
    wanted::Wanted,
};

/// What may be served to a request if its handler fails: only after a look that shows that nothing was invalidated.
#[derive(Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) route: &'a Route,
    pub(crate) key: &'a EntryKey,
    pub(crate) tags: &'a [Tag],
    pub(crate) wanted: &'a Wanted,
}

impl Stored<'_> {
    /// What `waited_for` brings until then; after that what is stored, if it may be served, else what it brings later.
    pub(crate) async fn instead_of<F, B>(
        self,
        waited_for: F,
        until: Instant,
    ) -> Result<F::Output, Response<Body<B>>>
    where
        F: Future,
        B: HttpBody,
    {
        let mut waited_for = pin!(waited_for);
        if let Ok(brought) = timeout_at(until, &mut waited_for).await {
            return Ok(brought);
        }
        match self.response(None).await {
            Some(response) => Err(response),
            None => Ok(waited_for.await),
        }
    }

    /// `status`: what the handler has answered, if anything.
    async fn response<B: HttpBody>(self, status: Option<StatusCode>) -> Option<Response<Body<B>>> {
        let hit = self.engine.look(self.key, self.tags).await.ok()??;
        let age = hit.entry.age(Entry::now());
        let usable = hit.entry.kind == Kind::Response
            && self.wanted.serving(&hit.entry, age) != Serving::MustRevalidate;
        usable.then(|| {
            Scope::report(&hit.tags);
            self.route.stale(hit.entry, self.wanted, status)
        })
    }
}

/// Asks, and serves what is stored if the handler fails or does not answer until then.
pub(crate) async fn ask_or_stale<S, ReqB, ResB>(
    errand: Errand<S, ReqB>,
    admission: Admission,
    wanted: &Wanted,
    until: Option<Instant>,
) -> Result<Response<Body<ResB>>, S::Error>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
    S::Error: Send + 'static,
    S::Future: Send + 'static,
    ReqB: Send + 'static,
    ResB: HttpBody<Data = Bytes> + Send + 'static,
    ResB::Error: Send + 'static,
{
    let (engine, route) = (Arc::clone(&errand.engine), Arc::clone(&errand.route));
    let (key, tags) = (errand.key.clone(), errand.tags.clone());
    let stored = Stored {
        engine: &engine,
        route: &route,
        key: &key,
        tags: &tags,
        wanted,
    };
    if is_in_vain(&admission) || was_refused(&admission) && engine.is_failing(&key) {
        if let Some(response) = stored.response(None).await {
            return Ok(response);
        }
    }
    let asked = errand.run(admission, wanted);
    let answered = match until {
        None => asked.await,
        Some(until) => match stored.instead_of(asked, until).await {
            Ok(answered) => answered,
            Err(response) => return Ok(response),
        },
    };
    let status = match &answered {
        Ok(response) if !is_failure(response.status()) => return answered,
        Ok(response) => Some(response.status()),
        Err(_) => None,
    };
    stored.response(status).await.map_or(answered, Ok)
}

/// The request would go alone for no better reason than that the handler is overloaded, or its service has failed.
fn is_in_vain(admission: &Admission) -> bool {
    match admission {
        Admission::Alone(AloneReason::WaitTimeout | AloneReason::Full) => true,
        Admission::Copy(Outcome::Failed(failure)) => {
            matches!(failure.downcast_ref(), Some(Failure::NoAnswer))
        }
        _ => false,
    }
}

/// Somebody else has asked, and the answer was nobody else's.
fn was_refused(admission: &Admission) -> bool {
    matches!(admission, Admission::Alone(AloneReason::NotStorable))
}

/// RFC 5861 section 4.
fn is_failure(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}
