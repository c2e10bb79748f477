use std::time::Duration;

use crate::tag::Tag;

/// For how long a value may be served, and what makes it old before that.
///
/// ```
/// use std::time::Duration;
/// use tower_keep_cache::Freshness;
///
/// let freshness = Freshness::ttl(Duration::from_secs(60)).tags(["product:7", "category:books"]);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Freshness {
    pub(super) ttl: Duration,
    pub(super) tags: Vec<Tag>,
    pub(super) schema: u32,
}

impl Freshness {
    /// A value is served for `ttl`, counted from when it was stored; then it is loaded again.
    pub const fn ttl(ttl: Duration) -> Self {
        Self {
            ttl,
            tags: Vec::new(),
            schema: 0,
        }
    }

    /// What the value depends on; invalidating one of the tags ends it.
    ///
    /// Tags that are only known when the value has been loaded are added with [`Cache::tag`](super::Cache::tag).
    pub fn tags<I>(mut self, tags: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Tag>,
    {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// The version of the value's type. Defaults to 0.
    ///
    /// Raise it when the type changes so that old values cannot be read, or would be read wrongly. During a rolling
    /// deployment both versions then keep values of their own, side by side.
    pub const fn schema(mut self, schema: u32) -> Self {
        self.schema = schema;
        self
    }
}
