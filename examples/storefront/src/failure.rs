//! What a request gets when there is no page for it: a status and one JSON object.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Why there is no page.
#[derive(Debug)]
pub(crate) enum Failure {
    NoSuchPage,
    BadRequest { status: StatusCode, reason: String },
    Postgres(sqlx::Error),
}

#[derive(Serialize)]
struct Explanation {
    error: String,
}

impl Failure {
    /// The request is well-formed, what it asks for is not allowed.
    pub(crate) fn unprocessable(reason: &str) -> Self {
        Self::BadRequest {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            reason: reason.to_owned(),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::NoSuchPage => (StatusCode::NOT_FOUND, "there is no such page".to_owned()),
            Self::BadRequest { status, reason } => (status, reason),
            Self::Postgres(
                error @ (sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed),
            ) => {
                tracing::warn!(%error, "Postgres is away");
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the catalogue is away, try again soon".to_owned(),
                )
            }
            Self::Postgres(error) => {
                tracing::error!(%error, "a query failed");
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the catalogue failed".to_owned(),
                )
            }
        };
        (status, Json(Explanation { error })).into_response()
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<PathRejection> for Failure {
    fn from(rejection: PathRejection) -> Self {
        Self::BadRequest {
            status: rejection.status(),
            reason: rejection.body_text(),
        }
    }
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        Self::BadRequest {
            status: rejection.status(),
            reason: rejection.body_text(),
        }
    }
}
