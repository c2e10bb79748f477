use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};

use super::{
    LONGEST, ResponseDirectives, Rules, Staleness,
    directives::delta_seconds,
    http_date,
    status::{is_cacheable_by_route, is_heuristically_cacheable, is_negative},
};

/// The most that is guessed: what has not changed for a year may still change tomorrow.
const LONGEST_GUESS: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a response is fresh, and how old it is already (RFC 9111 section 4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub(crate) age: Duration,
    pub(crate) fresh_for: Duration,
    /// What may be done with it after that.
    pub(crate) stale: Staleness,
}

impl Lifetime {
    /// Whether somebody may be answered with it who has not asked the handler: not if it must be confirmed each time, or is
    /// stale at once and may not be served like that.
    pub(crate) fn may_be_shared(self) -> bool {
        let is_of_use = !self.remaining().is_zero() || !self.stale.while_revalidate.is_zero();
        is_of_use && !self.stale.validate
    }

    pub(crate) fn remaining(self) -> Duration {
        self.fresh_for.saturating_sub(self.age)
    }
}

/// The lifetime of a response; `None` if nothing says for how long it is fresh. `targeted`: the directives are those of a
/// field that overrules `Expires`, too. `delay`: how long the answer took.
pub(super) fn lifetime(
    status: StatusCode,
    headers: &HeaderMap,
    directives: &ResponseDirectives,
    targeted: bool,
    rules: &Rules,
    delay: Duration,
    now: SystemTime,
) -> Option<Lifetime> {
    let age = age(headers, now);
    let explicit = explicit(headers, directives, targeted, now);
    let (fresh_for, age) = match explicit {
        Some(fresh_for) => (fresh_for, age.max(age_on_arrival(headers, delay))),
        // The route's time counts from the answer on: how long a handler takes says nothing of it.
        None => (by_rules(status, headers, directives, rules, now)?, age),
    };
    Some(Lifetime {
        age,
        fresh_for,
        stale: Staleness::of(directives, rules),
    })
}

/// Section 4.2.1: `s-maxage`, else `max-age`, else `Expires` less `Date`.
pub(super) fn explicit(
    headers: &HeaderMap,
    directives: &ResponseDirectives,
    targeted: bool,
    now: SystemTime,
) -> Option<Duration> {
    if let Some(lifetime) = directives.s_maxage.or(directives.max_age) {
        return Some(lifetime);
    }
    if targeted {
        return None;
    }
    let mut expiries = headers
        .get_all(header::EXPIRES)
        .iter()
        .map(|value| http_date(value.as_bytes(), now));
    let first = expiries.next()?;
    // Section 5.3: what is no date, `0` above all, means expired; of several the earliest counts.
    let expires = expiries.fold(first, |earliest, next| Some(earliest?.min(next?)));
    let date = date(headers, now).unwrap_or(now);
    Some(
        expires
            .and_then(|expires| expires.duration_since(date).ok())
            .unwrap_or_default(),
    )
}

/// What counts where the response says nothing.
fn by_rules(
    status: StatusCode,
    headers: &HeaderMap,
    directives: &ResponseDirectives,
    rules: &Rules,
    now: SystemTime,
) -> Option<Duration> {
    let ruled = match rules.strict {
        true => None,
        false if is_negative(status) => rules.negative_ttl,
        false if is_cacheable_by_route(status) => rules.ttl,
        false => None,
    };
    let may_guess = rules.heuristics && (is_heuristically_cacheable(status) || directives.public);
    ruled.or_else(|| may_guess.then(|| guess(headers, now))?)
}

/// Section 4.2.2: a tenth of the time for which it has not changed.
fn guess(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let modified = http_date(headers.get(header::LAST_MODIFIED)?.as_bytes(), now)?;
    let date = date(headers, now).unwrap_or(now);
    let unchanged = date.duration_since(modified).ok()?;
    Some((unchanged / 10).min(LONGEST_GUESS))
}

fn date(headers: &HeaderMap, now: SystemTime) -> Option<SystemTime> {
    http_date(headers.get(header::DATE)?.as_bytes(), now)
}

/// How old the response was when it came: what caches on its way say, or the clocks (section 4.2.3).
fn age(headers: &HeaderMap, now: SystemTime) -> Duration {
    let apparent = date(headers, now).and_then(|date| now.duration_since(date).ok());
    // In whole seconds, as `Date` is written.
    let apparent = apparent.map_or(0, |apparent| apparent.as_secs());
    Duration::from_secs(apparent).max(said_age(headers))
}

/// `corrected_age_value` of section 4.2.3, in whole seconds, which is as exact as `Age` is.
fn age_on_arrival(headers: &HeaderMap, delay: Duration) -> Duration {
    said_age(headers).saturating_add(Duration::from_secs(delay.as_secs()))
}

/// Section 5.1: of a list, or several lines, the first; no number says nothing.
fn said_age(headers: &HeaderMap) -> Duration {
    let Some(line) = headers.get(header::AGE) else {
        return Duration::ZERO;
    };
    let mut values = line.as_bytes().split(|byte| *byte == b',');
    let first = values.next().unwrap_or_default().trim_ascii();
    delta_seconds(first).unwrap_or_default().min(LONGEST)
}
