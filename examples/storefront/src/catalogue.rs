//! The catalogue in Postgres. Every query is counted, so that what the cache saves can be seen.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use sqlx::FromRow;
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::time::{Instant, sleep};

/// A service that waits for connections piles up requests; a Postgres with too many does worse.
const MAX_CONNECTIONS: u32 = 10;
/// How long a request waits for a connection before it is answered with 503.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a Postgres that is still starting is waited for.
const STARTUP_PATIENCE: Duration = Duration::from_secs(30);
const RETRY_EVERY: Duration = Duration::from_millis(500);

/// Rows on a list page.
const LIST_LENGTH: i64 = 20;

/// One product page.
#[derive(Debug, FromRow, Serialize)]
pub(crate) struct Product {
    pub(crate) id: i64,
    name: String,
    description: String,
    category: String,
    price_cents: i64,
    sold: i64,
    reviews: i64,
    rating: Option<f64>,
}

/// One line of a list.
#[derive(Debug, FromRow, Serialize)]
pub(crate) struct Listed {
    pub(crate) id: i64,
    name: String,
    price_cents: i64,
    sold: i64,
    reviews: i64,
    rating: Option<f64>,
}

/// Queries over a bounded pool. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Catalogue {
    pool: PgPool,
}

impl Catalogue {
    /// Connects, waiting for a Postgres that is not there yet, and migrates.
    pub(crate) async fn open(options: PgConnectOptions) -> Result<Self, StartError> {
        let pool_options = PgPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT);
        let give_up = Instant::now() + STARTUP_PATIENCE;
        let pool = loop {
            match pool_options.clone().connect_with(options.clone()).await {
                Ok(pool) => break pool,
                Err(error) if may_pass(&error) && Instant::now() < give_up => {
                    tracing::warn!(%error, "Postgres is not there yet");
                    sleep(RETRY_EVERY).await;
                }
                Err(error) => return Err(StartError::Connect(error)),
            }
        };
        sqlx::migrate!()
            .run(&pool)
            .await
            .map_err(StartError::Migrate)?;
        Ok(Self { pool })
    }

    /// `None`: there is no such product.
    pub(crate) async fn product(&self, id: i64) -> sqlx::Result<Option<Product>> {
        count_query();
        sqlx::query_as(include_str!("../queries/product.sql"))
            .bind(id)
            .fetch_optional(&self.pool)
            .await
    }

    /// The best selling products of a category, best first; empty if there is no such category.
    pub(crate) async fn category(&self, name: &str) -> sqlx::Result<Vec<Listed>> {
        count_query();
        sqlx::query_as(include_str!("../queries/category.sql"))
            .bind(name)
            .bind(LIST_LENGTH)
            .fetch_all(&self.pool)
            .await
    }

    /// The best selling products of all, best first.
    pub(crate) async fn bestsellers(&self) -> sqlx::Result<Vec<Listed>> {
        count_query();
        sqlx::query_as(include_str!("../queries/bestsellers.sql"))
            .bind(LIST_LENGTH)
            .fetch_all(&self.pool)
            .await
    }

    /// Whether there was such a product. Once this has returned the change is committed.
    pub(crate) async fn edit(&self, id: i64, name: &str, price_cents: i64) -> sqlx::Result<bool> {
        count_query();
        let edited = sqlx::query(include_str!("../queries/edit.sql"))
            .bind(id)
            .bind(name)
            .bind(price_cents);
        Ok(edited.fetch_optional(&self.pool).await?.is_some())
    }

    /// One round trip that touches no table, for the readiness endpoint; not counted.
    pub(crate) async fn ping(&self) -> sqlx::Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await.map(drop)
    }

    /// Waits for queries under way, then closes every connection.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

fn count_query() {
    metrics::counter!(crate::telemetry::POSTGRES_QUERIES).increment(1);
}

/// Not listening yet, or still starting (SQLSTATE class 57P): anything else, such as a wrong
/// password, does not mend itself.
fn may_pass(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P")),
        _ => false,
    }
}

/// Why the catalogue could not be opened.
#[derive(Debug)]
pub(crate) enum StartError {
    Connect(sqlx::Error),
    Migrate(MigrateError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "cannot connect to Postgres: {error}"),
            Self::Migrate(error) => write!(f, "cannot migrate the database: {error}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(error) => Some(error),
            Self::Migrate(error) => Some(error),
        }
    }
}
