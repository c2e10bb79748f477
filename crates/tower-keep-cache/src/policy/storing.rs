use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, StatusCode, header};

use super::{
    Lifetime, ResponseDirectives, Rules, Vary,
    freshness::{explicit, lifetime},
    status::{is_about_the_client, is_never_stored, is_understood},
    targeted::targeted,
};

/// What the verdict on a response needs to know beside its status and headers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answer {
    /// The request had credentials, and nothing in its key tells their owners apart.
    pub(crate) authorized: bool,
    /// The request had cookies, and nobody answers for them.
    pub(crate) cookies: bool,
    /// How long the handler took to answer.
    pub(crate) delay: Duration,
    /// A layer of ours has refused the request: that is about the client, not about the resource.
    pub(crate) rejected: bool,
    /// The handler has read or changed somebody's session.
    pub(crate) session_touched: bool,
}

/// What becomes of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Store(Keep),
    /// A server error: no value to keep, but an answer for everybody who waits for this run.
    Failure,
    Refuse(Refusal),
}

/// How a response is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keep {
    /// It may be stale already, and of use only to be validated, or within its windows.
    pub(crate) lifetime: Lifetime,
    /// The fields that it says are not to be stored with it.
    pub(crate) withheld: Vec<HeaderName>,
}

/// Why a response may be neither stored nor handed to anybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It answers one client's credentials (RFC 9111 section 3.5).
    Authorization,
    /// A failure that may be about one client's cookies, and nothing says that it is not.
    Cookie,
    Directive,
    EventStream,
    /// Nothing says how long it is fresh.
    NoLifetime,
    Rejected,
    SessionTouched,
    SetCookie,
    /// Its freshness is over before it begins, and there is no way to refresh it.
    Stale,
    Status,
    /// It depends on more than a request's headers.
    Vary,
}

/// Decides from a response's head what becomes of it (RFC 9111 section 3, more careful where that leaves a choice, unless
/// the rules are strict).
pub(crate) fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    answer: Answer,
    rules: &Rules,
    now: SystemTime,
) -> Verdict {
    let targeted = targeted(headers);
    let is_targeted = targeted.is_some();
    let mut directives = targeted.unwrap_or_else(|| ResponseDirectives::of(headers));
    if directives.must_understand && is_understood(status) {
        // Section 5.2.2.3: `no-store` beside it is for caches that do not know what it means.
        directives.no_store = false;
    }
    if let Some(refusal) = personal(headers, &directives, answer, rules) {
        return Verdict::Refuse(refusal);
    }
    if is_never_stored(status) || (is_about_the_client(status) && !rules.strict) {
        return Verdict::Refuse(Refusal::Status);
    }
    if status.is_server_error() && !rules.strict {
        return failure(headers, &directives, answer);
    }
    if directives.must_understand && !is_understood(status) {
        return Verdict::Refuse(Refusal::Status);
    }
    let delay = answer.delay;
    let says_lifetime = explicit(headers, &directives, is_targeted, now).is_some();
    let lifetime = lifetime(status, headers, &directives, is_targeted, rules, delay, now);
    let Some(lifetime) = lifetime.or_else(|| only_validated(&directives, rules)) else {
        return match status.is_server_error() {
            true => failure(headers, &directives, answer),
            false => Verdict::Refuse(Refusal::NoLifetime),
        };
    };
    let may_be_validated =
        headers.contains_key(header::ETAG) || headers.contains_key(header::LAST_MODIFIED);
    let is_fresh = !lifetime.remaining().is_zero() && !lifetime.stale.validate;
    if sets_cookie(headers, &directives) && !(is_fresh && says_lifetime) {
        // Nobody has said that it is for everybody, and a 304 to somebody else would hand it on.
        return Verdict::Refuse(Refusal::SetCookie);
    }
    if !is_fresh && !may_be_validated && lifetime.stale.longest().is_zero() {
        return Verdict::Refuse(match lifetime.stale.validate {
            true => Refusal::Directive,
            false => Refusal::Stale,
        });
    }
    Verdict::Store(Keep {
        lifetime,
        withheld: directives.withheld,
    })
}

/// `no-cache` alone: nothing is fresh about it, and it may be stored to be validated (section 5.2.2.4).
fn only_validated(directives: &ResponseDirectives, rules: &Rules) -> Option<Lifetime> {
    directives.no_cache.then(|| Lifetime {
        stale: super::Staleness::of(directives, rules),
        ..Lifetime::default()
    })
}

/// A server error of which nothing says that it is for everybody. It is shared with who waited for it unless it may be
/// about the one who asked.
fn failure(headers: &HeaderMap, directives: &ResponseDirectives, answer: Answer) -> Verdict {
    if sets_cookie(headers, directives) {
        Verdict::Refuse(Refusal::SetCookie)
    } else if answer.cookies {
        Verdict::Refuse(Refusal::Cookie)
    } else {
        Verdict::Failure
    }
}

fn sets_cookie(headers: &HeaderMap, directives: &ResponseDirectives) -> bool {
    headers.contains_key(header::SET_COOKIE) && !directives.withheld.contains(&header::SET_COOKIE)
}

/// What makes a response nobody else's, whatever its status.
fn personal(
    headers: &HeaderMap,
    directives: &ResponseDirectives,
    answer: Answer,
    rules: &Rules,
) -> Option<Refusal> {
    if answer.rejected {
        Some(Refusal::Rejected)
    } else if answer.session_touched {
        Some(Refusal::SessionTouched)
    } else if sets_cookie(headers, directives) && !rules.strict {
        Some(Refusal::SetCookie)
    } else if directives.no_store || directives.private {
        Some(Refusal::Directive)
    } else if answer.authorized && !is_for_everybody(directives) {
        Some(Refusal::Authorization)
    } else if Vary::of(headers).is_none() {
        Some(Refusal::Vary)
    } else if is_endless(headers) {
        Some(Refusal::EventStream)
    } else {
        None
    }
}

/// Section 3.5: what allows a shared cache to keep the answer to a request with credentials.
fn is_for_everybody(directives: &ResponseDirectives) -> bool {
    directives.public || directives.must_revalidate || directives.s_maxage.is_some()
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

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
