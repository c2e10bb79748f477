//! Refusals in the bytes of the request's protocol.

mod grpc;
mod problem;
mod protobuf;
mod protocol;
mod reason;
mod refusal;
mod violation;

#[cfg(test)]
mod tests;

pub use protocol::Protocol;
pub use reason::Reason;
pub use refusal::{Rejected, Rejection};
pub use violation::QuotaViolation;
