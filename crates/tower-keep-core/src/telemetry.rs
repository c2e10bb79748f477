//! The names of tracing targets, metrics and labels, in one place.
//!
//! Events carry no payloads and no raw keys. Metrics go through the [`metrics`] facade: without a recorder they cost
//! next to nothing. Names follow [Prometheus](https://prometheus.io/docs/practices/naming/): the unit is in the name, counters
//! end in `_total`. Every label is bounded by the program: names given in code, or one of the values listed here; nothing
//! that a client sends becomes a label.

/// Targets of tracing events, one per subject.
pub mod target {
    /// The connection manager: state changes and their causes.
    pub const CONNECTION: &str = "tower_keep::connection";
    /// The response cache: fills, refused stores, invalidations that have to wait.
    pub const CACHE: &str = "tower_keep::cache";
    /// Requests that a layer has refused: `by`, `reason`, `retry_after`, `cause`.
    /// At `error` where the service is put together wrongly, else at `debug`.
    pub const REJECTION: &str = "tower_keep::rejection";
}

/// Names of metrics.
pub mod metric {
    /// Counter of requests that a layer has refused, by [`BY`](super::label::BY) and [`REASON`](super::label::REASON).
    pub const REJECTIONS: &str = "tower_keep_rejections_total";

    /// Counter of Redis commands, by [`MANAGER`](super::label::MANAGER) and [`OUTCOME`](super::label::OUTCOME):
    /// `ok` or the class of the error.
    pub const REDIS_COMMANDS: &str = "tower_keep_redis_commands_total";
    /// Histogram of how long Redis commands took, by [`MANAGER`](super::label::MANAGER).
    pub const REDIS_COMMAND_SECONDS: &str = "tower_keep_redis_command_duration_seconds";
    /// Gauge of Redis commands in flight, by [`MANAGER`](super::label::MANAGER).
    pub const REDIS_IN_FLIGHT: &str = "tower_keep_redis_commands_in_flight";
    /// Gauge: 1 while commands of this [`CLASS`](super::label::CLASS) are let through, else 0;
    /// by [`MANAGER`](super::label::MANAGER) too.
    pub const REDIS_UP: &str = "tower_keep_redis_up";
    /// Counter of the times that commands of a class stopped being let through, by [`MANAGER`](super::label::MANAGER),
    /// [`CLASS`](super::label::CLASS) and [`CAUSE`](super::label::CAUSE).
    pub const REDIS_TRIPS: &str = "tower_keep_redis_trips_total";
    /// Counter of connections given up and made anew, by [`MANAGER`](super::label::MANAGER) and [`CAUSE`](super::label::CAUSE).
    pub const REDIS_RECONNECTS: &str = "tower_keep_redis_reconnects_total";

    /// Counter of requests and loads that came to the cache, by [`OWNER`](super::label::OWNER) and [`RESULT`](super::label::RESULT):
    /// `hit`, `stale`, `miss`, `coalesced` (another's fill) or `bypass`.
    pub const CACHE_REQUESTS: &str = "tower_keep_cache_requests_total";
    /// Counter of requests that went by the cache, by [`OWNER`](super::label::OWNER) and [`REASON`](super::label::REASON).
    pub const CACHE_BYPASSES: &str = "tower_keep_cache_bypasses_total";
    /// Counter of fills that ended, by [`OWNER`](super::label::OWNER) and [`OUTCOME`](super::label::OUTCOME).
    pub const CACHE_FILLS: &str = "tower_keep_cache_fills_total";
    /// Histogram of how long fills took, by [`OWNER`](super::label::OWNER).
    pub const CACHE_FILL_SECONDS: &str = "tower_keep_cache_fill_duration_seconds";
    /// Gauge of fills that run.
    pub const CACHE_FILLS_RUNNING: &str = "tower_keep_cache_fills_running";
    /// Histogram of the size of stored entries, by [`OWNER`](super::label::OWNER).
    pub const CACHE_ENTRY_BYTES: &str = "tower_keep_cache_entry_size_bytes";
    /// Counter of entries that could not be read and were taken for misses, by [`CAUSE`](super::label::CAUSE).
    pub const CACHE_UNDECODABLE: &str = "tower_keep_cache_undecodable_total";
    /// Counter of invalidations, by [`OUTCOME`](super::label::OUTCOME).
    pub const CACHE_INVALIDATIONS: &str = "tower_keep_cache_invalidations_total";
    /// Gauge of invalidations that wait for Redis to come back.
    pub const CACHE_INVALIDATIONS_PENDING: &str = "tower_keep_cache_invalidations_pending";
}

/// Names of labels.
pub mod label {
    /// The layer, limit or breaker that refused, by its name in code.
    pub const BY: &str = "by";
    /// What brought something about; a short word out of the code.
    pub const CAUSE: &str = "cause";
    /// The class of Redis commands: `read` or `write`.
    pub const CLASS: &str = "class";
    /// The connection manager, by its name in code.
    pub const MANAGER: &str = "manager";
    /// How something ended; a short word out of the code.
    pub const OUTCOME: &str = "outcome";
    /// Whose cached answers they are: the layer's name, else the route's template.
    pub const OWNER: &str = "owner";
    /// Why something was refused or left out; a short word out of the code, as [`Reason::as_str`](crate::Reason::as_str).
    pub const REASON: &str = "reason";
    /// What came of a request; a short word out of the code.
    pub const RESULT: &str = "result";
}
