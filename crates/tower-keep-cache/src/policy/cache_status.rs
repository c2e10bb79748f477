use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::CACHE_STATUS};

use super::{Bypass, number};

/// What the cache did for a request, as `Cache-Status` says it (RFC 9211 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handling {
    /// Answered from what is stored, which stays fresh for so long.
    Hit(Duration),
    /// Got a copy of the answer to another request that was running already.
    Collapsed,
    /// The handler was asked; `stored` only where nothing but a failure can still prevent it.
    Forwarded {
        stored: bool,
        detail: Option<Detail>,
    },
    /// The cache had no part in it.
    Bypassed(Bypass),
    /// Nothing is stored, and the client wanted nothing else.
    Unsatisfied,
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
        let text = match handling {
            Handling::Bypassed(why) => return self.bypassed[why as usize].clone(),
            Handling::Hit(ttl) => return number::behind(&self.hit, ttl.as_secs()),
            Handling::Collapsed => "; fwd=uri-miss; collapsed",
            Handling::Forwarded { stored: true, .. } => "; fwd=uri-miss; stored",
            Handling::Forwarded { detail: None, .. } => "; fwd=uri-miss",
            Handling::Forwarded {
                detail: Some(Detail::BodyFailed),
                ..
            } => "; fwd=uri-miss; detail=body-failed",
            Handling::Forwarded {
                detail: Some(Detail::Busy),
                ..
            } => "; fwd=uri-miss; detail=busy",
            Handling::Forwarded {
                detail: Some(Detail::RedisAway),
                ..
            } => "; fwd=uri-miss; detail=redis-away",
            Handling::Unsatisfied => "; detail=only-if-cached",
        };
        let value = [self.name.as_bytes(), text.as_bytes()].concat();
        HeaderValue::from_maybe_shared(Bytes::from(value))
            .expect("a name that was checked, and visible ASCII")
    }
}

const fn bypass(why: Bypass) -> &'static str {
    match why {
        Bypass::Method => "fwd=method",
        Bypass::Body => "fwd=bypass; detail=body",
        Bypass::Range => "fwd=bypass; detail=range",
        Bypass::Precondition => "fwd=bypass; detail=precondition",
        Bypass::Authorization => "fwd=bypass; detail=authorization",
        Bypass::Identity => "fwd=bypass; detail=identity",
        Bypass::Cookie => "fwd=bypass; detail=cookie",
        Bypass::Session => "fwd=bypass; detail=session",
        Bypass::Upgrade => "fwd=bypass; detail=upgrade",
        Bypass::Grpc => "fwd=bypass; detail=grpc",
        Bypass::Host => "fwd=bypass; detail=host",
        Bypass::Tag => "fwd=bypass; detail=tag",
        Bypass::NoStore => "fwd=request; detail=no-store",
        Bypass::NoCache => "fwd=request; detail=no-cache",
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
    fn says_what_was_done() {
        let hit = Handling::Hit(Duration::from_millis(59_900));
        assert_eq!(text("tower-keep", hit), "tower-keep; hit; ttl=59");
        let stored = Handling::Forwarded {
            stored: true,
            detail: None,
        };
        assert_eq!(
            text("tower-keep", stored),
            "tower-keep; fwd=uri-miss; stored"
        );
        let away = Handling::Forwarded {
            stored: false,
            detail: Some(Detail::RedisAway),
        };
        assert_eq!(
            text("tower-keep", away),
            "tower-keep; fwd=uri-miss; detail=redis-away"
        );
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
        assert!(text("shop.example:8080", Handling::Collapsed).starts_with("shop.example:8080; "));
        assert!(text("1 \"shop\"", Handling::Collapsed).starts_with("\"1 \\\"shop\\\"\"; "));
        assert!(CacheStatus::new("").is_none());
        assert!(CacheStatus::new("Käse").is_none());
    }
}
