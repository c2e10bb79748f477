use std::time::Duration;

/// What the handle's setters change.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Larger values and bodies are not stored.
    pub(crate) max_entry_bytes: usize,
    /// How long a request waits for another one's fill before it goes alone.
    pub(crate) wait_timeout: Duration,
    /// How long a fill may take. Then its lease is no longer renewed and nobody waits for it any more.
    pub(crate) fill_timeout: Duration,
    /// How long after an invalidation a fill may still read what was before it (a lagging replica).
    pub(crate) hold: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // A page or an API answer is far smaller; what is larger is better served by an object store than
            // copied through Redis, which it would block for milliseconds.
            max_entry_bytes: 1 << 20,
            // As nginx's `proxy_cache_lock_timeout`: longer than a healthy handler takes, shorter than a client waits.
            wait_timeout: Duration::from_secs(5),
            // As the usual gateway timeout: what takes longer has no client any more.
            fill_timeout: Duration::from_secs(60),
            hold: Duration::ZERO,
        }
    }
}
