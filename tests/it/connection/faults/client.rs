//! The forms in which Redis is reached.

use testkit::{Authority, RedisCluster, RedisSentinel, RedisServer};
use tower_keep_core::connection::{ConnectionBuilder, ConnectionManager, Profile};

/// Keys that are on a master each.
const EACH_MASTER: &[&str] = &["{a}", "{b}", "{c}"];

/// A client that is about to connect.
pub(super) struct Client {
    /// As the table has it.
    pub(super) form: String,
    pub(super) builder: ConnectionBuilder,
    pub(super) profile: Profile,
    /// What the load reads and writes: the first of them is what the fault is about.
    pub(super) keys: &'static [&'static str],
}

impl Client {
    pub(super) fn of(form: &str, builder: ConnectionBuilder) -> Self {
        Self {
            form: form.to_owned(),
            builder,
            profile: Profile::CACHE,
            keys: &["key"],
        }
    }

    pub(super) fn tcp(server: &RedisServer) -> Self {
        Self::to("TCP", &server.url())
    }

    pub(super) fn unix(server: &RedisServer) -> Self {
        Self::to("Unix socket", &server.unix_url())
    }

    pub(super) fn tls(server: &RedisServer, authority: &Authority) -> Self {
        let builder = ConnectionManager::builder(&server.tls_url()).unwrap();
        Self::of("TLS", builder.roots(authority.pem()))
    }

    pub(super) fn sentinel(group: &RedisSentinel) -> Self {
        Self::to("sentinel", &group.url())
    }

    /// A fault is of the master that owns `{a}`.
    pub(super) fn cluster(cluster: &RedisCluster) -> Self {
        Self {
            keys: EACH_MASTER,
            ..Self::to("cluster", &cluster.url())
        }
    }

    pub(super) fn to(form: &str, url: &str) -> Self {
        Self::of(form, ConnectionManager::builder(url).unwrap())
    }

    /// Instead of the settings of a cache.
    pub(super) fn profile(mut self, profile: Profile) -> Self {
        self.form = format!("{}, {}", self.form, profile.name);
        self.profile = profile;
        self
    }
}
