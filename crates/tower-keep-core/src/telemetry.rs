//! The names of tracing targets, metrics and labels.

/// Targets of tracing events.
pub mod target {
    /// The cache: values that cannot be kept, invalidations that Redis does not acknowledge.
    pub const CACHE: &str = "tower_keep::cache";
    /// The connection to Redis: one event for each change of its state.
    pub const CONNECTION: &str = "tower_keep::connection";
    /// Requests that a layer has refused.
    pub const REJECTION: &str = "tower_keep::rejection";
}

/// Metrics of the connection to Redis. Each has the label `server`: its address, without credentials.
pub mod connection {
    /// Gauge: 1 while operations of a class are sent, 0 while they are refused. Label `class`: `read` or `write`.
    pub const UP: &str = "tower_keep_redis_up";
    /// Counter: how often a class went down. Labels `class` and `cause`.
    pub const TRIPS: &str = "tower_keep_redis_trips_total";
    /// Counter: operations without a reply by their deadline, probes included.
    pub const DEADLINES: &str = "tower_keep_redis_deadlines_total";
    /// Counter: operations refused because too many were in flight.
    pub const OVERLOADED: &str = "tower_keep_redis_overloaded_total";
    /// Counter: connections made, the first included.
    pub const CONNECTIONS: &str = "tower_keep_redis_connections_total";
}
