//! `Cache-Control` (RFC 9111 section 5.2), as responses and requests say it.

mod request;
mod response;
mod syntax;

pub(crate) use self::{
    request::RequestDirectives,
    response::ResponseDirectives,
    syntax::{LONGEST, delta_seconds},
};
