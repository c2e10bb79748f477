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
///
/// What requests come to is counted in the cache and published once a second, from the moment when there is a recorder.
/// It has the label `owner`: the layer's name; without one the route that was matched (feature `axum`), else `unnamed`;
/// and `values` for what handlers ask for.
pub mod cache {
    /// Counter: requests that were looked up. Labels `owner`, and `result`: `hit`, `stale` (a hit that
    /// was not fresh any more), `lead` (ran the handler for all who waited), `copy` (of another one's run), `failure` (of another one's run), `unsatisfied` (nothing was stored, and
    /// the client wanted nothing else), or why it ran by itself: `not_storable`, `hit_for_miss`, `wait_timeout`, `full`,
    /// `nested`, `abandoned`.
    pub const REQUESTS: &str = "tower_keep_cache_requests_total";
    /// Counter: requests with which the cache has nothing to do. Labels `owner`, and `reason`: `method`, `body`,
    /// `authorization`, `identity`, `cookie`, `session`, `upgrade`, `grpc`, `host`, `no_store`, `tag`.
    pub const BYPASSES: &str = "tower_keep_cache_bypasses_total";
    /// Counter: bytes of the bodies of answers that came from the cache or from another one's run. Label `owner`.
    pub const SERVED_BYTES: &str = "tower_keep_cache_served_bytes_total";
    /// Counter: looks into the store that found nothing to serve. Label `cause`: `absent`, `stale`, `invalidated`,
    /// `tag_missing` (evicted), `other_incarnation` (the store was emptied), `tags_moved`, `undecodable`.
    pub const MISSES: &str = "tower_keep_cache_misses_total";
    /// Counter: fills. Label `outcome`: `stored`, `refused` (overtaken by an invalidation), `redis_away`, `blocked`
    /// (by a hold or an invalidation not acknowledged), `not_storable`, `failed`, `abandoned`.
    pub const FILLS: &str = "tower_keep_cache_fills_total";
    /// Counter: fills that the store refused. Label `reason`: `invalidated` (during the fill), `lease_lost` (the fill took
    /// too long without a renewal), `other_incarnation` (the store was emptied), `future_token` (a failover went back in
    /// time), `too_many_tags`, `replaced` (by another entry while this one was asked about).
    pub const REFUSED_STORES: &str = "tower_keep_cache_refused_stores_total";
    /// Counter: bytes of the bodies that were stored.
    pub const STORED_BYTES: &str = "tower_keep_cache_stored_bytes_total";
    /// Histogram: seconds from the right to run a handler or loader to its end, however it ended.
    pub const FILL_SECONDS: &str = "tower_keep_cache_fill_seconds";
    /// Histogram: seconds for which the fill of another process was waited for.
    pub const LEASE_WAIT_SECONDS: &str = "tower_keep_cache_lease_wait_seconds";
    /// Counter: invalidations and flushes. Label `result`: `acknowledged`, or `pending` for those that Redis did not
    /// acknowledge at once.
    pub const INVALIDATIONS: &str = "tower_keep_cache_invalidations_total";
    /// Gauge: invalidations that Redis has not acknowledged yet.
    pub const PENDING_INVALIDATIONS: &str = "tower_keep_cache_pending_invalidations";
    /// Gauge: for how many seconds the oldest of them has been pending, at the last attempt to send it; 0 if there is none.
    pub const PENDING_INVALIDATION_SECONDS: &str = "tower_keep_cache_pending_invalidation_seconds";
}
