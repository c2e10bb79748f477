use std::time::Duration;

/// How patient a kind of handle is with Redis: what it asks of a manager when it attaches.
///
/// A value set in the URL or the builder wins over every profile. When several handles share a manager, each keeps
/// its own deadline; the connection itself follows the most demanding: the shortest stall age, the quickest
/// reconnect rule, the largest number in flight.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Profile {
    /// The kind of handle, for logs: a warning names it.
    pub name: &'static str,
    /// How long one operation may take.
    pub deadline: Duration,
    /// How long operations may be in flight without any reply before the gate trips.
    pub stall_age: Duration,
    /// How many operations may be in flight.
    pub in_flight: usize,
    /// The connection is replaced after this many timeouts in a row …
    pub reconnect_after_timeouts: u32,
    /// … and no reply for this long.
    pub reconnect_after_silence: Duration,
    /// Whether what is stored must not be evicted. A manager warns when the server's `maxmemory-policy` evicts keys
    /// that it should keep.
    pub keeps: bool,
}

impl Profile {
    /// A cache must cost less than the query that it saves.
    pub const CACHE: Self = Self {
        name: "cache",
        deadline: Duration::from_millis(50),
        stall_age: Duration::from_millis(25),
        in_flight: 1024,
        reconnect_after_timeouts: 8,
        reconnect_after_silence: Duration::from_millis(150),
        keeps: false,
    };

    /// A limiter answers locally when Redis is away, so it gives up early too.
    pub const LIMITER: Self = Self {
        name: "limiter",
        deadline: Duration::from_millis(75),
        stall_age: Duration::from_millis(40),
        in_flight: 2048,
        reconnect_after_timeouts: 8,
        reconnect_after_silence: Duration::from_millis(150),
        keeps: true,
    };

    /// For sessions and one-time tokens a right answer is worth waiting for.
    pub const SESSION: Self = Self {
        name: "session",
        deadline: Duration::from_millis(500),
        stall_age: Duration::from_millis(150),
        in_flight: 4096,
        reconnect_after_timeouts: 4,
        reconnect_after_silence: Duration::from_secs(1),
        keeps: true,
    };

    /// A guard's fleet state is synchronised in the background, a few operations at a time.
    pub const FLEET: Self = Self {
        name: "fleet",
        deadline: Duration::from_millis(250),
        stall_age: Duration::from_millis(250),
        in_flight: 4,
        reconnect_after_timeouts: 2,
        reconnect_after_silence: Duration::from_secs(1),
        keeps: false,
    };
}
