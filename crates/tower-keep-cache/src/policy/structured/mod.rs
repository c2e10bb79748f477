//! Structured fields (RFC 9651), as far as a cache reads them: dictionaries and lists. Strict, as section 4.2 demands:
//! what is not well-formed to the last character is no field at all.

mod cursor;
mod item;

pub(crate) use self::item::{Item, Member, dictionary, joined, list};
