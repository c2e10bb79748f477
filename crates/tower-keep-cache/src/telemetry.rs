/// The target of everything that this crate traces.
pub(crate) const TARGET: &str = "tower_keep::cache";

/// Counter: entries in Redis that could not be read and were misses. Label `cause`: `foreign`, `version`,
/// `checksum`, `length` or `content`. More than a few during a deployment mean that somebody else writes there.
pub(crate) const UNREADABLE: &str = "tower_keep_cache_unreadable_entries_total";
