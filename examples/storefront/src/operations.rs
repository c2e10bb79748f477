//! What whoever runs the service asks it: `/healthz`, `/readyz` and `/metrics`.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::time::timeout;
use tower_keep::connection::ConnectionManager;

use crate::catalogue::Catalogue;

/// A readiness probe that takes longer than this is a "no".
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// What these handlers look at.
#[derive(Clone, Debug)]
pub(crate) struct Operations {
    pub(crate) catalogue: Catalogue,
    pub(crate) redis: ConnectionManager,
    pub(crate) prometheus: PrometheusHandle,
}

/// The routes with their state.
pub(crate) fn routes(operations: Operations) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render_metrics))
        .with_state(operations)
}

/// Alive and migrated: it does not serve before. Says nothing of Redis, whose absence is no reason
/// to restart a service that goes on without it.
async fn healthz() -> &'static str {
    "ok\n"
}

#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    postgres: String,
    redis: String,
}

/// 503 while anything that this service stands on is away, with the cause in words. For whoever wants to know, and for
/// deployments that wait for a new instance to be whole; a load balancer that must not take a shop off the network for
/// want of its cache looks at `/healthz`.
async fn readyz(State(operations): State<Operations>) -> (StatusCode, Json<Readiness>) {
    let postgres = match timeout(PING_TIMEOUT, operations.catalogue.ping()).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no answer within {PING_TIMEOUT:?}")),
    };
    let redis = operations.redis.health();
    let ready = postgres.is_none() && redis.is_up();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let postgres = postgres.map_or_else(|| "up".to_owned(), |cause| format!("down: {cause}"));
    (
        status,
        Json(Readiness {
            ready,
            postgres,
            redis: redis.to_string(),
        }),
    )
}

async fn render_metrics(State(operations): State<Operations>) -> String {
    operations.prometheus.run_upkeep();
    operations.prometheus.render()
}
