//! The names of tracing targets, metrics and labels, in one place.
//!
//! Events carry no payloads and no raw keys. Metrics go through the [`metrics`] facade: without a recorder they cost
//! next to nothing. Names follow [Prometheus](https://prometheus.io/docs/practices/naming/): counters end in `_total`.
//! Every label is bounded by the program: names given in code, or one of the values listed here; nothing that a client
//! sends becomes a label.

/// Targets of tracing events.
pub mod target {
    /// The cache: values that cannot be kept, invalidations that Redis does not acknowledge.
    pub const CACHE: &str = "tower_keep::cache";
    /// The connection to Redis: one event for each change of its state.
    pub const CONNECTION: &str = "tower_keep::connection";
    /// Requests that a layer has refused: `by`, `reason`, `retry_after`, `cause`. At `error` where the service is put
    /// together wrongly, else at `debug`.
    pub const REJECTION: &str = "tower_keep::rejection";
}

/// Metrics of requests that a layer has refused.
pub mod rejection {
    /// Counter: refusals. Labels `by`: the layer, limit or breaker by its name in code; and `reason`: as
    /// [`Reason::as_str`](crate::Reason::as_str) says.
    pub const REJECTIONS: &str = "tower_keep_rejections_total";
}

/// Metrics of the connection to Redis. Each has the label `server`: its address and database, without credentials. In a
/// cluster that is the address of each master, but for [`UP`](connection::UP), which is said of all masters together.
///
/// Commands are counted in the manager and published once a second, from the moment when there is a recorder. Managers
/// with the same address and database have the same label: their counters add up, and of their gauges the last one is
/// seen.
pub mod connection {
    /// Gauge: 1 while operations of a class are sent, 0 while they are refused. Label `class`: `read` or `write`.
    pub const UP: &str = "tower_keep_redis_up";
    /// Counter: how often a class went down. Labels `class` and `cause`.
    pub const TRIPS: &str = "tower_keep_redis_trips_total";
    /// Counter: how long a class was in a state, in milliseconds, because counters count whole numbers. Labels `class`,
    /// and `state`: `up`, or the cause for which it was down.
    pub const STATE_MILLISECONDS: &str = "tower_keep_redis_state_milliseconds_total";
    /// Counter: commands of the handles, not the manager's own probes. Labels `class`, and `outcome`: `ok`, `abandoned`
    /// (given up before its answer, by its caller or because the gate shut), or what
    /// [`CommandError::class`](crate::connection::CommandError::class) says.
    pub const COMMANDS: &str = "tower_keep_redis_commands_total";
    /// Histogram: seconds from the departure of a command to its answer or its deadline. Label `class`. Every command
    /// that was not abandoned is in it, to a sixteenth of its time.
    pub const COMMAND_SECONDS: &str = "tower_keep_redis_command_seconds";
    /// Gauge: commands in flight, probes included, at the moment of the report.
    pub const IN_FLIGHT: &str = "tower_keep_redis_in_flight";
    /// Counter: connections made, the first included.
    pub const CONNECTIONS: &str = "tower_keep_redis_connections_total";
}

/// Metrics of the cache. All caches of a process count together.
pub mod cache {
    /// Counter: requests that were looked up. Label `result`: `hit`, `lead` (ran the handler for all who waited),
    /// `copy` (of another one's run), `failure` (of another one's run), `unsatisfied` (nothing was stored, and the client
    /// wanted nothing else), or why it ran by itself: `not_storable`, `hit_for_miss`, `wait_timeout`, `full`, `nested`,
    /// `abandoned`.
    pub const REQUESTS: &str = "tower_keep_cache_requests_total";
    /// Counter: looks into the store that found nothing to serve. Label `cause`: `absent`, `invalidated`,
    /// `tag_missing` (evicted), `other_incarnation` (the store was emptied), `tags_moved`, `undecodable`.
    pub const MISSES: &str = "tower_keep_cache_misses_total";
    /// Counter: fills. Label `outcome`: `stored`, `refused` (overtaken by an invalidation), `redis_away`, `blocked`
    /// (by a hold or an invalidation not acknowledged), `not_storable`, `failed`, `abandoned`.
    pub const FILLS: &str = "tower_keep_cache_fills_total";
    /// Counter: invalidations and flushes. Label `result`: `acknowledged`, or `pending` for those that Redis did not
    /// acknowledge at once.
    pub const INVALIDATIONS: &str = "tower_keep_cache_invalidations_total";
    /// Gauge: invalidations that Redis has not acknowledged yet.
    pub const PENDING_INVALIDATIONS: &str = "tower_keep_cache_pending_invalidations";
}
