use std::time::Duration;

use http::HeaderMap;

use super::{LONGEST, Lifetime, Validators};

/// An outage of the origin for which nothing says how long its answers may be served stale (RFC 9111 section 4.2.4 sets
/// no limit): long enough to wake somebody up, and not for ever in Redis' memory.
const OUTAGE: Duration = Duration::from_secs(60 * 60);

/// What can be confirmed is kept for as long again as it is fresh, within these bounds: who comes back that late saves
/// its handler a body.
const LEAST: Duration = Duration::from_secs(60);
const MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an answer is kept: until it is stale, and as long after that as it can be of use. Zero: it is of none.
pub(crate) fn life(lifetime: &Lifetime, headers: &HeaderMap) -> Duration {
    let stale = lifetime.stale;
    let if_error = match stale.if_error {
        LONGEST => OUTAGE,
        limited => limited,
    };
    let validators = Validators::of(headers, std::time::SystemTime::now());
    let confirmed = match validators.any() {
        true => lifetime.fresh_for.clamp(LEAST, MOST),
        false => Duration::ZERO,
    };
    let later = stale.while_revalidate.max(if_error).max(confirmed);
    lifetime.remaining().saturating_add(later)
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header::ETAG};

    use super::*;
    use crate::policy::Staleness;

    fn of(fresh_for: u64, while_revalidate: u64, if_error: Duration, etag: bool) -> u64 {
        let mut headers = HeaderMap::new();
        if etag {
            headers.insert(ETAG, HeaderValue::from_static("\"1\""));
        }
        let lifetime = Lifetime {
            fresh_for: Duration::from_secs(fresh_for),
            stale: Staleness {
                while_revalidate: Duration::from_secs(while_revalidate),
                if_error,
                ..Staleness::default()
            },
            ..Lifetime::default()
        };
        life(&lifetime, &headers).as_secs()
    }

    #[test]
    fn what_is_of_no_use_later_goes_when_it_is_stale() {
        assert_eq!(of(60, 0, Duration::ZERO, false), 60);
        assert_eq!(of(0, 0, Duration::ZERO, false), 0);
    }

    #[test]
    fn it_is_kept_for_the_longest_of_its_windows() {
        assert_eq!(of(60, 30, Duration::ZERO, false), 90);
        assert_eq!(of(60, 30, Duration::from_secs(600), false), 660);
        assert_eq!(of(60, 30, LONGEST, false), 60 + 3600);
    }

    #[test]
    fn what_can_be_confirmed_is_kept_for_as_long_again() {
        assert_eq!(of(600, 0, Duration::ZERO, true), 1200);
        assert_eq!(of(0, 0, Duration::ZERO, true), 60);
        assert_eq!(of(864_000, 0, Duration::ZERO, true), 864_000 + 86_400);
    }
}
