//! Who a request is counted for.

#[cfg(feature = "axum")]
mod axum;

#[cfg(feature = "axum")]
pub use axum::{matched_path, path_parameters};
