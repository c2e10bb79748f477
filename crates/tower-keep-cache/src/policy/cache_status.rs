use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header::CACHE_STATUS};

use super::{Bypass, number};

/// What the cache did for a request, as `Cache-Status` says it (RFC 9211 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handling {
    /// Answered from what is stored.
    Hit {
        /// For so many seconds it stays fresh; negative, if it was stale.
        ttl: i64,
    },
    /// The handler was asked for this request, or for one that came before it.
    Forwarded(Forwarded),
    /// The cache had no part in it.
    Bypassed(Bypass),
    /// Nothing is stored, and the client wanted nothing else.
    Unsatisfied,
}

/// How and why the handler was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forwarded {
    /// This request got a copy of the answer to another one that was running already.
    pub(crate) collapsed: bool,
    pub(crate) detail: Option<Detail>,
    /// What the handler answered, where the client gets another status.
    pub(crate) status: Option<StatusCode>,
    /// Only where nothing but a failure can still prevent it.
    pub(crate) stored: bool,
    /// As for a hit, where the client gets what is stored.
    pub(crate) ttl: Option<i64>,
    pub(crate) why: Forward,
}

/// Why what is stored was not enough (RFC 9211 section 2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Forward {
    /// It was, but the client asked for something younger.
    Request,
    /// It was not fresh any more.
    Stale,
    /// There was nothing.
    #[default]
    UriMiss,
    /// It was for requests with other headers.
    VaryMiss,
}

/// What has no parameter of its own in RFC 9211.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The run that this request waited for broke off in the middle of its body.
    BodyFailed,
    /// More fills are running than are allowed, or the one waited for took too long.
    Busy,
    /// Redis could not be asked.
    RedisAway,
}

/// Writes `Cache-Status` under the name of one cache.
#[derive(Clone, Debug)]
pub(crate) struct CacheStatus {
    name: Box<str>,
    /// What every hit says but for its number.
    hit: Box<[u8]>,
    /// By `Bypass`, so that a bypassed request allocates nothing.
    bypassed: Box<[HeaderValue]>,
}

impl CacheStatus {
    /// `None` if the name cannot be written into a header.
    pub(crate) fn new(name: &str) -> Option<Self> {
        if name.is_empty() || !name.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return None;
        }
        let name = if is_token(name) {
            name.to_owned()
        } else {
            quoted(name)
        };
        let bypassed = Bypass::ALL
            .iter()
            .map(|why| HeaderValue::try_from(format!("{name}; {}", bypass(*why))));
        let bypassed = bypassed.collect::<Result<_, _>>().ok()?;
        Some(Self {
            hit: format!("{name}; hit; ttl=").into_bytes().into(),
            name: name.into(),
            bypassed,
        })
    }

    /// Adds what we did behind what caches closer to the origin did.
    pub(crate) fn append(&self, headers: &mut HeaderMap, handling: Handling) {
        headers.append(CACHE_STATUS, self.value(handling));
    }

    pub(crate) fn value(&self, handling: Handling) -> HeaderValue {
        match handling {
            Handling::Bypassed(why) => self.bypassed[why as usize].clone(),
            Handling::Hit { ttl } => match u64::try_from(ttl) {
                Ok(ttl) => number::behind(&self.hit, ttl),
                Err(_) => number::behind(&[&self.hit, &b"-"[..]].concat(), ttl.unsigned_abs()),
            },
            Handling::Forwarded(forwarded) => self.text(&forwarded.to_string()),
            Handling::Unsatisfied => self.text("detail=only-if-cached"),
        }
    }

    fn text(&self, parameters: &str) -> HeaderValue {
        let value = [self.name.as_bytes(), b"; ", parameters.as_bytes()].concat();
        HeaderValue::from_maybe_shared(Bytes::from(value))
            .expect("a name that was checked, and visible ASCII")
    }
}

/// The last `Cache-Status` says also under which key, in the print of the store.
pub(crate) fn say_key(headers: &mut HeaderMap, key: &str) {
    let mut lines: Vec<_> = headers.get_all(CACHE_STATUS).iter().cloned().collect();
    let said = lines.last_mut().and_then(|last| {
        let with_key = [last.as_bytes(), b"; key=", quoted(key).as_bytes()].concat();
        *last = HeaderValue::from_maybe_shared(Bytes::from(with_key)).ok()?;
        Some(())
    });
    if said.is_some() {
        headers.remove(CACHE_STATUS);
        headers.extend(lines.into_iter().map(|line| (CACHE_STATUS, line)));
    }
}

impl fmt::Display for Forwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.why {
            Forward::Request => "fwd=request",
            Forward::Stale => "fwd=stale",
            Forward::UriMiss => "fwd=uri-miss",
            Forward::VaryMiss => "fwd=vary-miss",
        })?;
        if let Some(status) = self.status {
            write!(f, "; fwd-status={}", status.as_u16())?;
        }
        if let Some(ttl) = self.ttl {
            write!(f, "; ttl={ttl}")?;
        }
        if self.stored {
            f.write_str("; stored")?;
        }
        if self.collapsed {
            f.write_str("; collapsed")?;
        }
        match self.detail {
            None => Ok(()),
            Some(Detail::BodyFailed) => f.write_str("; detail=body-failed"),
            Some(Detail::Busy) => f.write_str("; detail=busy"),
            Some(Detail::RedisAway) => f.write_str("; detail=redis-away"),
        }
    }
}

const fn bypass(why: Bypass) -> &'static str {
    match why {
        Bypass::Method => "fwd=method",
        Bypass::Body => "fwd=bypass; detail=body",
        Bypass::Authorization => "fwd=bypass; detail=authorization",
        Bypass::Identity => "fwd=bypass; detail=identity",
        Bypass::Cookie => "fwd=bypass; detail=cookie",
        Bypass::Session => "fwd=bypass; detail=session",
        Bypass::Upgrade => "fwd=bypass; detail=upgrade",
        Bypass::Grpc => "fwd=bypass; detail=grpc",
        Bypass::Host => "fwd=bypass; detail=host",
        Bypass::Tag => "fwd=bypass; detail=tag",
        Bypass::NoStore => "fwd=request; detail=no-store",
    }
}

/// `sf-token` (RFC 9651 section 3.3.4).
fn is_token(name: &str) -> bool {
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '*');
    starts_well
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte))
}

/// `sf-string` (RFC 9651 section 3.3.3).
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, handling: Handling) -> String {
        CacheStatus::new(name)
            .unwrap()
            .value(handling)
            .to_str()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn a_hit_says_how_long_it_stays_fresh_or_how_stale_it_is() {
        assert_eq!(
            text("tower-keep", Handling::Hit { ttl: 59 }),
            "tower-keep; hit; ttl=59"
        );
        assert_eq!(text("k", Handling::Hit { ttl: 0 }), "k; hit; ttl=0");
        assert_eq!(text("k", Handling::Hit { ttl: -5 }), "k; hit; ttl=-5");
        assert_eq!(
            text("k", Handling::Hit { ttl: i64::MIN }),
            format!("k; hit; ttl={}", i64::MIN)
        );
    }

    #[test]
    fn a_miss_says_why_and_what_became_of_it() {
        let said = |forwarded| text("k", Handling::Forwarded(forwarded));
        let miss = Forwarded::default();
        assert_eq!(said(miss), "k; fwd=uri-miss");
        assert_eq!(
            said(Forwarded {
                stored: true,
                ..miss
            }),
            "k; fwd=uri-miss; stored"
        );
        let collapsed = Forwarded {
            collapsed: true,
            why: Forward::VaryMiss,
            ..miss
        };
        assert_eq!(said(collapsed), "k; fwd=vary-miss; collapsed");
        let away = Forwarded {
            detail: Some(Detail::RedisAway),
            why: Forward::Request,
            ..miss
        };
        assert_eq!(said(away), "k; fwd=request; detail=redis-away");
        let confirmed = Forwarded {
            status: Some(StatusCode::NOT_MODIFIED),
            stored: true,
            ttl: Some(-3),
            why: Forward::Stale,
            ..miss
        };
        assert_eq!(
            said(confirmed),
            "k; fwd=stale; fwd-status=304; ttl=-3; stored"
        );
    }

    #[test]
    fn the_key_stands_behind_what_this_cache_says() {
        let mut headers = HeaderMap::new();
        headers.append(CACHE_STATUS, HeaderValue::from_static("origin; hit"));
        CacheStatus::new("k")
            .unwrap()
            .append(&mut headers, Handling::Hit { ttl: 1 });
        say_key(&mut headers, "abc");
        let lines: Vec<_> = headers.get_all(CACHE_STATUS).iter().collect();
        assert_eq!(lines, ["origin; hit", "k; hit; ttl=1; key=\"abc\""]);
    }

    #[test]
    fn every_reason_to_bypass_has_its_own_words() {
        for why in Bypass::ALL {
            assert_eq!(
                text("k", Handling::Bypassed(why)),
                format!("k; {}", bypass(why))
            );
        }
    }

    #[test]
    fn a_name_is_a_token_or_is_quoted() {
        assert!(
            text("shop.example:8080", Handling::Unsatisfied).starts_with("shop.example:8080; ")
        );
        assert!(text("1 \"shop\"", Handling::Unsatisfied).starts_with("\"1 \\\"shop\\\"\"; "));
        assert!(CacheStatus::new("").is_none());
        assert!(CacheStatus::new("Käse").is_none());
    }
}
