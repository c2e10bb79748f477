use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};

use super::{
    CacheControl,
    cache_control::{LONGEST, delta_seconds},
    http_date,
};

/// What the verdict on a response needs to know beside its status and headers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answer {
    /// A layer of ours has refused the request: that is about the client, not about the resource.
    pub(crate) rejected: bool,
    /// How long an answer is fresh that says nothing of it itself.
    pub(crate) route_ttl: Option<Duration>,
    /// The handler has read or changed somebody's session.
    pub(crate) session_touched: bool,
}

/// What becomes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Store(Lifetime),
    /// A server error: no value to keep, but an answer for everybody who waits for this run.
    Failure,
    Refuse(Refusal),
}

/// How long a response is fresh, and how old it is already (RFC 9111 section 4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub(crate) age: Duration,
    pub(crate) fresh_for: Duration,
}

impl Lifetime {
    pub(crate) fn remaining(self) -> Duration {
        self.fresh_for.saturating_sub(self.age)
    }
}

/// Why a response may be neither stored nor handed to anybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Directive,
    EventStream,
    /// Nothing says how long it is fresh.
    NoLifetime,
    Rejected,
    SessionTouched,
    SetCookie,
    /// Its freshness is over before it begins.
    Stale,
    Status,
    /// It depends on request headers that are no part of the key.
    Vary,
}

/// Decides from a response's head what becomes of it (RFC 9111 section 3, more careful where that leaves a choice).
pub(crate) fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    answer: Answer,
    now: SystemTime,
) -> Verdict {
    let directives = CacheControl::of(headers);
    if let Some(refusal) = personal(headers, &directives, answer) {
        return Verdict::Refuse(refusal);
    }
    if status.is_server_error() {
        return Verdict::Failure;
    }
    if !may_be_stored(status) {
        return Verdict::Refuse(Refusal::Status);
    }
    let fresh_for = match explicit_lifetime(headers, &directives, now) {
        Some(explicit) => explicit,
        None if !is_cacheable_by_route(status) => return Verdict::Refuse(Refusal::NoLifetime),
        None => match answer.route_ttl {
            Some(ttl) => ttl,
            None => return Verdict::Refuse(Refusal::NoLifetime),
        },
    };
    let lifetime = Lifetime {
        age: age(headers),
        fresh_for,
    };
    if lifetime.remaining().is_zero() {
        return Verdict::Refuse(Refusal::Stale);
    }
    Verdict::Store(lifetime)
}

/// What makes a response nobody else's, whatever its status.
fn personal(headers: &HeaderMap, directives: &CacheControl, answer: Answer) -> Option<Refusal> {
    if answer.rejected {
        Some(Refusal::Rejected)
    } else if answer.session_touched {
        Some(Refusal::SessionTouched)
    } else if headers.contains_key(header::SET_COOKIE) {
        Some(Refusal::SetCookie)
    } else if directives.no_store || directives.private || directives.no_cache {
        Some(Refusal::Directive)
    } else if varies(headers) {
        Some(Refusal::Vary)
    } else if is_endless(headers) {
        Some(Refusal::EventStream)
    } else {
        None
    }
}

/// Only `Host` is part of every key; an answer that depends on another header would be served to the wrong client.
fn varies(headers: &HeaderMap) -> bool {
    headers.get_all(header::VARY).iter().any(|line| {
        let names = line
            .as_bytes()
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii);
        names
            .into_iter()
            .any(|name| !name.is_empty() && !name.eq_ignore_ascii_case(b"host"))
    })
}

fn is_endless(headers: &HeaderMap) -> bool {
    const ENDLESS: [&[u8]; 3] = [
        b"text/event-stream",
        b"application/grpc",
        b"multipart/x-mixed-replace",
    ];
    headers.get(header::CONTENT_TYPE).is_some_and(|given| {
        let given = given.as_bytes();
        ENDLESS.iter().any(|kind| {
            given
                .get(..kind.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(kind))
        })
    })
}

/// Never stored: what is no complete final answer, and what is about the one who asked.
fn may_be_stored(status: StatusCode) -> bool {
    !status.is_informational()
        && !matches!(
            status,
            StatusCode::PARTIAL_CONTENT
                | StatusCode::NOT_MODIFIED
                | StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::PROXY_AUTHENTICATION_REQUIRED
                | StatusCode::TOO_MANY_REQUESTS
        )
}

/// The statuses that a route's `ttl` is meant for; any other is stored only where the handler says for how long:
/// a route that keeps its pages for an hour does not want an hour of "not found".
fn is_cacheable_by_route(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::OK
            | StatusCode::NON_AUTHORITATIVE_INFORMATION
            | StatusCode::NO_CONTENT
            | StatusCode::MOVED_PERMANENTLY
            | StatusCode::PERMANENT_REDIRECT
    )
}

/// RFC 9111 section 4.2.1: `s-maxage`, else `max-age`, else `Expires` less `Date`.
fn explicit_lifetime(
    headers: &HeaderMap,
    directives: &CacheControl,
    now: SystemTime,
) -> Option<Duration> {
    if let Some(lifetime) = directives.s_maxage.or(directives.max_age) {
        return Some(lifetime);
    }
    let mut expiries = headers
        .get_all(header::EXPIRES)
        .iter()
        .map(|value| http_date(value.as_bytes(), now));
    let first = expiries.next()?;
    // Section 5.3: what is no date, `0` above all, means expired; of several the earliest counts.
    let expires = expiries.fold(first, |earliest, next| Some(earliest?.min(next?)));
    let date = headers
        .get(header::DATE)
        .and_then(|value| http_date(value.as_bytes(), now))
        .unwrap_or(now);
    Some(
        expires
            .and_then(|expires| expires.duration_since(date).ok())
            .unwrap_or_default(),
    )
}

/// How old the response was when it came, where it came through another cache (section 4.2.3).
fn age(headers: &HeaderMap) -> Duration {
    let ages = headers.get_all(header::AGE).iter();
    ages.map(|value| delta_seconds(value.as_bytes()).unwrap_or(LONGEST))
        .max()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
