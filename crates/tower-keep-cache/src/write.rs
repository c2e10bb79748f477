use std::{future::Future, sync::Arc};

use http::{HeaderValue, Response, header::CACHE_STATUS};
use http_body::Body as HttpBody;
use tower_keep_core::{Body, telemetry::target};

use crate::{
    engine::{Engine, Invalidation},
    policy::{Resource, overtaken},
    route::Route,
    tag::Tag,
};

/// Waits for the answer to a request that may have changed something, and ends what is out of date before the client has
/// it: what it reads next is what it has written.
pub(crate) async fn write<F, B, E>(
    engine: Arc<Engine>,
    route: Arc<Route>,
    answer: F,
    resource: Resource,
    status: HeaderValue,
) -> Result<Response<Body<B>>, E>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: HttpBody,
{
    let mut response = answer.await?;
    let tags = overtaken(
        response.status(),
        response.headers(),
        &resource,
        &route.query,
    );
    if !tags.is_empty() {
        let tags = Invalidation::Tags(tags.iter().map(Tag::id).collect());
        // In a task of its own: the write has happened, also for a client that hangs up now.
        let told = tokio::spawn(async move { engine.invalidate(tags).await });
        if let Ok(Err(error)) = told.await {
            tracing::warn!(
                target: target::CACHE,
                %error,
                "a write is not known to Redis yet: it is told until it is, and nothing that was written to is served here meanwhile"
            );
        }
    }
    response.headers_mut().append(CACHE_STATUS, status);
    Ok(response.map(Body::inner))
}
