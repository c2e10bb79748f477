use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::policy::{Staleness, VariantId};

/// What the cache keeps under a key: a response, or a value of `get_or_load`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
    /// When it was stored, by the clock of the process that stored it; ms since 1970.
    pub(crate) stored_at: u64,
    /// For how long it is fresh from then on, in whole ms.
    pub(crate) ttl: Duration,
    /// What may be done with it after that.
    pub(crate) stale: Staleness,
    /// How long the handler took for it, in whole ms.
    pub(crate) took: Duration,
    /// What the request that it answers says in the headers that it varies on. `None`: it answers every request.
    pub(crate) variant: Option<VariantId>,
}

/// Whose entry it is, so that neither side takes the other's for its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// A response of a route.
    Response,
    /// In the place of a response that has variants: the headers that they vary on. Each variant has a place of its own.
    Variants,
    /// A value of `get_or_load`: how the body was serialised, and the caller's version of its type.
    Value { format: u8, schema: u32 },
}

impl Entry {
    /// So many fields a hit adds to those that are stored: Age, Cache-Status, and for HEAD Content-Length. With room
    /// for them, no map grows right after it was made.
    pub(crate) const ROOM: usize = 3;

    /// A value of `get_or_load`, which has a body and nothing else.
    pub(crate) fn value(
        format: u8,
        schema: u32,
        body: Bytes,
        stored_at: u64,
        ttl: Duration,
    ) -> Self {
        Self {
            kind: Kind::Value { format, schema },
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body,
            trailers: None,
            stored_at,
            ttl,
            stale: Staleness::default(),
            took: Duration::ZERO,
            variant: None,
        }
    }

    /// Now, as `stored_at` counts.
    pub(crate) fn now() -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as u64)
    }

    /// How long ago it was stored. Zero if the clocks of the two processes disagree.
    pub(crate) fn age(&self, now: u64) -> Duration {
        Duration::from_millis(now.saturating_sub(self.stored_at))
    }

    /// For so many whole seconds it stays fresh at this age; negative if it is stale.
    pub(crate) fn fresh_seconds(&self, age: Duration) -> i64 {
        let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        (ms(self.ttl) - ms(age)).div_euclid(1000)
    }

    /// Whether it may be used as it is. A value that is in the store always may: nobody asks whether it still could.
    pub(crate) fn is_fresh(&self, now: u64) -> bool {
        self.kind != Kind::Response || (self.age(now) < self.ttl && !self.stale.validate)
    }

    /// About how many bytes it holds in memory.
    pub(crate) fn size(&self) -> usize {
        let fields = |fields: &HeaderMap| -> usize {
            fields
                .iter()
                .map(|(name, value)| FIELD + name.as_str().len() + value.len())
                .sum()
        };
        size_of::<Self>()
            + self.body.len()
            + fields(&self.headers)
            + self.trailers.as_ref().map_or(0, fields)
    }
}

/// What a field costs in a `HeaderMap` beside its name and value, about.
const FIELD: usize = 104;
