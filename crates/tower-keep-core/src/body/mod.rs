//! The response body of every layer, and the channel that feeds it from another task.
//!
//! ```
//! use bytes::Bytes;
//! use http_body::Body as _;
//! use tower_keep_core::Body;
//! # type Inner = http_body_util::Empty<Bytes>;
//!
//! let body: Body<Inner> = Body::full("hello");
//! assert_eq!(body.size_hint().exact(), Some(5));
//! ```

mod channel;
mod response;

#[cfg(test)]
mod tests;

pub use channel::{Closed, Receiver, Sender, channel};
pub use response::Body;
