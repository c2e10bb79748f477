//! Asking the handler while there is something stale to serve if it fails (RFC 5861 section 4).

use std::{pin::pin, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body as HttpBody;
use tokio::time::timeout;
use tower_keep_core::Body;
use tower_service::Service;

use crate::{
    engine::{Admission, AloneReason, Engine, Hit, Outcome, Scope},
    entry::{Entry, Kind},
    errand::Errand,
    fill::Failure,
    key::EntryKey,
    policy::Serving,
    tag::Tag,
    wanted::Wanted,
};

/// Asks, and serves what is stored if the handler fails or takes too long for the client.
pub(crate) async fn ask_or_stale<S, ReqB, ResB>(
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
    let (engine, route) = (Arc::clone(&errand.engine), Arc::clone(&errand.route));
    let (key, tags) = (errand.key.clone(), errand.tags.clone());
    let stale = async |status| {
        let hit = usable(&engine, &key, &tags, wanted).await?;
        Scope::report(&hit.tags);
        Some(route.stale(hit.entry, wanted, status))
    };
    if is_in_vain(&admission) {
        if let Some(response) = stale(None).await {
            return Ok(response);
        }
    }
    let mut asked = pin!(errand.run(admission, wanted));
    let answered = match route.soft_deadline {
        Some(deadline) => timeout(deadline, &mut asked).await.ok(),
        None => Some(asked.as_mut().await),
    };
    let status = match &answered {
        Some(Ok(response)) if !is_failure(response.status()) => None,
        Some(Ok(response)) => Some(Some(response.status())),
        Some(Err(_)) | None => Some(None),
    };
    if let Some(status) = status {
        if let Some(response) = stale(status).await {
            return Ok(response);
        }
    }
    match answered {
        Some(answer) => answer,
        None => asked.await,
    }
}

/// What is stored may be served only after a look that shows that nothing has been invalidated.
async fn usable(engine: &Engine, key: &EntryKey, tags: &[Tag], wanted: &Wanted) -> Option<Hit> {
    let hit = engine.look(key, tags).await.ok()??;
    let age = hit.entry.age(Entry::now());
    let usable = hit.entry.kind == Kind::Response
        && wanted.serving(&hit.entry, age) != Serving::MustRevalidate;
    usable.then_some(hit)
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
