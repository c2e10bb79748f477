//! What this service counts, and where Prometheus reads it.

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Queries sent to Postgres for requests.
pub(crate) const POSTGRES_QUERIES: &str = "storefront_postgres_queries_total";
/// Requests answered, by `route` and by what the `cache` did: `hit`, `miss` or `none`.
const REQUESTS: &str = "storefront_requests_total";

/// Installs the process's recorder; fails if there is one already.
pub(crate) fn install() -> Result<PrometheusHandle, metrics_exporter_prometheus::BuildError> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    metrics::describe_counter!(POSTGRES_QUERIES, "Queries sent to Postgres for requests.");
    metrics::describe_counter!(
        REQUESTS,
        "Requests answered, by route and by what the cache did."
    );
    metrics::counter!(POSTGRES_QUERIES).absolute(0);
    Ok(handle)
}

/// Outermost: counts hits too, which never reach a handler.
pub(crate) async fn count_requests(request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let response = next.run(request).await;
    metrics::counter!(REQUESTS, "route" => route, "cache" => cache_status(response.headers()))
        .increment(1);
    response
}

/// The parameter that says it all in an RFC 9211 `Cache-Status`.
fn cache_status(headers: &HeaderMap) -> &'static str {
    let Some(status) = headers
        .get("cache-status")
        .and_then(|value| value.to_str().ok())
    else {
        return "none";
    };
    let is_hit = status.split(';').any(|parameter| parameter.trim() == "hit");
    if is_hit { "hit" } else { "miss" }
}
