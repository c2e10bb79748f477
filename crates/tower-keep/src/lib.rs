//! tower layers between the internet and your Postgres.
//!
//! | Module | What it holds | Feature | Default? |
//! |---|---|---|---|
//! | [`cache`] | the response cache layer and the [`Cache`](cache::Cache) handle | `cache` | Yes |
//! | [`connection`] | [`ConnectionManager`](connection::ConnectionManager): Redis, or `memory:` | | |
//! | [`extract`] | who a request is counted for: client address, header, cookie, identity, route | | |
//! | [`breaker`], [`body`], [`digest`], [`telemetry`] | what the layers share, for those who write their own | | |
//! | [`guide`] | how to use all this | | |
//!
//! The feature `axum` reads axum's connect info, matched path and path parameters; tag templates such as
//! `product:{id}` need it. The feature `tls` is for `rediss://`: TLS to Redis, with rustls and ring.
//!
//! ```
//! use std::time::Duration;
//! use axum::{Router, extract::Path, routing::get};
//! use tower_keep::{cache::Cache, connection::ConnectionManager};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cache = Cache::new(ConnectionManager::open("memory:")?);
//!
//! let app: Router = Router::new().route(
//!     "/products/{id}",
//!     get(|Path(id): Path<u64>| async move { format!("product {id}") })
//!         .layer(cache.layer().ttl(Duration::from_secs(60)).tag("product:{id}")),
//! );
//!
//! // After the commit of a change to product 7:
//! cache.invalidate(["product:7"]).await?;
//! # let _ = app;
//! # Ok(())
//! # }
//! ```

pub mod guide;

#[cfg(feature = "cache")]
pub use tower_keep_cache as cache;
pub use tower_keep_core::{
    Body, GuardOutcome, Identity, InvalidNamespace, Namespace, Protocol, QuotaViolation, Reason,
    RedisBudget, RedisBudgetFuture, RedisBudgetLayer, RedisBudgetService, Rejected, Rejection,
    SessionTouched, body, breaker, connection, digest, extract, telemetry,
};
