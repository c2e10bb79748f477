//! Ranges of a stored representation (RFC 9110 section 14).

mod select;
mod specifier;

pub(crate) use self::select::{Selection, Span, select};
