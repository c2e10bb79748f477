//! Who a request is counted for.
//!
//! A [`SubjectExtractor`] names the subject of a request: the client's address, a header, a cookie, gRPC metadata, the
//! [`Identity`](crate::Identity), the route, or what a closure makes of the request. Two of them can be
//! taken together (a tuple) or one in place of the other ([`SubjectExtractor::or`]).
//!
//! A subject that cannot be had is an error, never a request that is not counted nor a subject
//! that all such requests share: [`MissingSubject`] says what would have to change.
//!
//! ```
//! use std::net::SocketAddr;
//! use tower_keep_core::extract::{self, ClientIp, SubjectExtractor};
//!
//! let by_user_else_by_address = extract::identity().or(ClientIp::peer());
//! let by_tenant_and_address = (extract::header("x-tenant"), ClientIp::peer());
//! let by_first_segment = |parts: &http::request::Parts| {
//!     parts.uri.path().split('/').nth(1).map(str::to_owned)
//! };
//!
//! let request = http::Request::get("/shop/7")
//!     .header("x-tenant", "apollo")
//!     .extension(SocketAddr::from(([192, 0, 2, 1], 4711)))
//!     .body(())?;
//! let (parts, ()) = request.into_parts();
//! assert!(by_user_else_by_address.subject(&parts).is_ok());
//! assert!(by_tenant_and_address.subject(&parts).is_ok());
//! assert!(by_first_segment.subject(&parts).is_ok());
//! assert!(extract::identity().subject(&parts).is_err());
//! # Ok::<(), http::Error>(())
//! ```

#[cfg(feature = "axum")]
mod axum;
mod cidr;
mod client_ip;
mod combine;
mod cookie;
mod extractor;
mod forwarded;
mod header;
mod identity;
mod missing;
mod subject;
#[cfg(test)]
mod tests;

pub use cidr::{Cidr, InvalidCidr};
pub use client_ip::ClientIp;
pub use combine::Or;
pub use cookie::{Cookie, cookie};
pub use extractor::SubjectExtractor;
pub use header::{Header, Metadata, header, metadata};
pub use identity::{ByIdentity, identity};
pub use missing::MissingSubject;
pub use subject::Subject;

#[cfg(feature = "axum")]
pub use self::axum::{MatchedRoute, matched_path, matched_route, path_parameters};
