//! What may be served from the cache, what may be stored, and under which name: decisions without I/O.
//!
//! | | decides |
//! |---|---|
//! | [`may_be_cached`], [`eligible`] | whether a request has to do with the cache at all |
//! | [`Target`] | what of the request line is part of the key |
//! | [`judge`] | what becomes of a response: stored for how long, a failure, or nobody else's |
//! | [`stored_headers`] | which headers are stored with it |
//! | [`Template`] | the tags of a route |
//! | [`CacheStatus`] | how the response says what was done |
//! | [`portion`] | what of an answer a client gets, by its preconditions and ranges |
//! | [`revalidation`] | how the handler is asked whether an answer is still good, and what a 304 changes in it |
//! | [`early`] | whether a fresh entry is refreshed before its time |
//!
//! The rules are those of a shared cache (RFC 9111), narrowed to what is safe without validation and variants: they
//! belong here too, when they come.

mod cache_control;
mod cache_status;
#[allow(dead_code, reason = "not asked yet")]
mod early;
mod eligibility;
mod freshness;
mod http_date;
#[allow(dead_code, reason = "not asked yet")]
mod multipart;
#[allow(dead_code, reason = "not asked yet")]
mod not_modified;
pub(crate) mod number;
#[allow(dead_code, reason = "not asked yet")]
mod portion;
#[allow(dead_code, reason = "not asked yet")]
mod precondition;
#[allow(dead_code, reason = "not asked yet")]
mod range;
#[allow(dead_code, reason = "not asked yet")]
mod revalidation;
mod stored_headers;
mod target;
mod template;
#[allow(dead_code, reason = "not asked yet")]
mod validator;

use self::http_date::http_date;
pub(crate) use self::{
    cache_control::{CacheControl, LONGEST},
    cache_status::{CacheStatus, Detail, Handling},
    eligibility::{Bypass, Circumstances, eligible, may_be_cached},
    freshness::{Answer, Lifetime, Verdict, judge},
    stored_headers::stored_headers,
    target::Target,
    template::Template,
};
