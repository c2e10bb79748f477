//! What may be served from the cache, what may be stored, and under which name: decisions without I/O.
//!
//! | | decides |
//! |---|---|
//! | [`may_be_cached`], [`eligible`] | whether a request has to do with the cache at all |
//! | [`Target`], [`Query`] | what of the request line is part of the key |
//! | [`judge`] | what becomes of a response: stored for how long, a failure, or nobody else's |
//! | [`Rules`] | what the route says about that |
//! | [`Staleness`] | how what is stored may be used, fresh and later |
//! | [`Vary`] | which requests it answers |
//! | [`overtaken`] | what a write has made out of date |
//! | [`stored_headers`] | which headers are stored with it |
//! | [`Template`] | the tags of a route |
//! | [`CacheStatus`] | how the response says what was done |
//! | [`portion`] | what of an answer a client gets, by its preconditions and ranges |
//! | [`ask_for_all`], [`is_about`], [`updated`] | how the handler is asked whether an answer is still good, and what a 304 changes in it |
//! | [`life`] | how long an answer is kept beyond its freshness |
//! | [`refreshes_early`] | whether a fresh entry is refreshed before its time |
//!
//! The rules are those of a shared cache (RFC 9111), with [`Rules::strict`] to the letter, else narrowed to what is safe
//! for a handler that was not written with a cache in mind.

mod cache_status;
mod directives;
mod early;
mod eligibility;
mod freshness;
mod http_date;
mod invalidation;
mod jitter;
mod multipart;
mod not_modified;
pub(crate) mod number;
mod portion;
mod precondition;
mod query;
mod range;
mod resource;
mod retention;
mod revalidation;
mod rules;
mod stale;
mod status;
mod stored_headers;
mod storing;
mod structured;
mod target;
mod targeted;
mod template;
mod validator;
mod vary;

pub(crate) use self::{
    cache_status::{CacheStatus, Detail, Forward, Forwarded, Handling, say_key},
    directives::{LONGEST, RequestDirectives, ResponseDirectives},
    early::refreshes_early,
    eligibility::{Bypass, Circumstances, eligible, is_grpc, may_be_cached},
    freshness::Lifetime,
    invalidation::{groups, is_unsafe, overtaken},
    jitter::jittered,
    multipart::{Boundary, byteranges, content_range, unsatisfied_range},
    not_modified::keep_what_a_304_says,
    portion::{Portion, Representation, portion},
    query::Query,
    range::Span,
    resource::Resource,
    retention::life,
    revalidation::{ask_for_all, is_about, updated},
    rules::Rules,
    stale::{Serving, Staleness},
    stored_headers::stored_headers,
    storing::{Answer, Keep, Verdict, judge},
    target::Target,
    template::Template,
    vary::{VariantId, Vary},
};
use self::{http_date::http_date, validator::Validators};
