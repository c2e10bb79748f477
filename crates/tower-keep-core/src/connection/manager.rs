use std::{fmt, sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{
    builder::ConnectionBuilder,
    client::Blueprint,
    credentials::Provider,
    error::{ConnectError, OpenError},
    health::{Cause, ClassHealth, Health, HealthWatch},
    incarnation::Incarnation,
    limits::Limits,
    memory::Memory,
    profile::Profile,
    redis::{Backend, Redis},
    servers::Servers,
    url::ConnectionUrl,
};

/// One connection to Redis, or one to each master of a cluster, and everything that keeps it honest. Cheap to clone;
/// clones share the connection.
///
/// Each handle ([`attach`](Self::attach)) brings its own deadline. Give handles different managers to keep them
/// apart: a cache on `/1` with 20 ms, sessions on another server with 500 ms.
///
/// The connection ends when the last clone and the last handle are gone, or at [`close`](Self::close).
///
/// # URLs
///
/// `redis://host:port/database`, `redis+unix:///path/to/socket`, `redis-cluster://host,host`,
/// `redis-sentinel://host,host/database?sentinel_service=name`, `rediss…` with TLS, the same with `valkey` for
/// `redis`, and `memory:` for stores in this process. Credentials stand before the host: `user:password@` or
/// `:password@`, percent-encoded. Settings follow a `?`: `redis://127.0.0.1/1?command_timeout=20ms&in_flight=512`.
///
/// | setting | means | default |
/// |---|---|---|
/// | `command_timeout` | an operation's deadline | the handle's [`Profile`] |
/// | `stall_age` | in flight without any reply for this long: the gate trips | the handle's |
/// | `in_flight` | operations in flight | the handle's |
/// | `reconnect_after_timeouts`, `reconnect_after_silence` | both reached: a new connection | the handle's |
/// | `connect_timeout` | one attempt to connect, and its handshake | `500ms` |
/// | `tcp_user_timeout` | unacknowledged data for this long: the kernel gives up | `1s` |
/// | `probe_interval` | time between probes while all is well | `1s` |
/// | `ca` | a PEM file: the only certificate authorities that are trusted | the platform's |
/// | `cert`, `key` | PEM files: the client's certificate chain and its key | none |
///
/// The last two rows are for `rediss…`, which needs the Cargo feature `tls`. The server's certificate must be valid for
/// the host in the URL, and for those that a cluster or a sentinel names; nothing turns that check off.
#[derive(Clone)]
pub struct ConnectionManager {
    inner: Inner,
}

#[derive(Clone)]
enum Inner {
    Redis(Arc<Owner>),
    Memory(Memory),
}

/// Held by managers and handles, and not by the background tasks: the tasks end when it is dropped.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) servers: Servers,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.servers.close();
    }
}

impl ConnectionManager {
    /// Parses a URL and returns at once; the connection is made, and made again, in the background. An application
    /// starts with Redis down.
    ///
    /// # Errors
    /// If the URL or one of its settings is not understood, if a file that it names cannot be used, or if there is no
    /// tokio runtime.
    pub fn open(url: &str) -> Result<Self, OpenError> {
        Self::builder(url)?.open()
    }

    /// Settings that a URL cannot hold, on top of a URL.
    ///
    /// # Errors
    /// If the URL or one of its settings is not understood.
    pub fn builder(url: &str) -> Result<ConnectionBuilder, OpenError> {
        ConnectionBuilder::new(url)
    }

    pub(super) fn start(
        ConnectionUrl {
            target,
            overrides,
            tls,
        }: &ConnectionUrl,
        provider: Option<Provider>,
    ) -> Result<Self, OpenError> {
        overrides.check()?;
        let blueprint = Blueprint::new(target, overrides, tls, provider)?;
        let inner = match Servers::start(target, blueprint, Limits::new(*overrides))? {
            Some(servers) => Inner::Redis(Arc::new(Owner { servers })),
            None => Inner::Memory(Memory::default()),
        };
        Ok(Self { inner })
    }

    /// Waits until both classes of operations are up, for applications that want Redis before they serve. Returns at
    /// once for `memory:`.
    ///
    /// # Errors
    /// If Redis is not usable in that time, with the cause in words, or if the manager is closed.
    pub async fn connected(&self, within: Duration) -> Result<(), ConnectError> {
        let Inner::Redis(owner) = &self.inner else {
            return Ok(());
        };
        let mut health = owner.servers.health().subscribe();
        let closed = Health::down(&Cause::Closed);
        let settled = timeout(
            within,
            health.wait_for(|health| health.is_up() || *health == closed),
        )
        .await;
        match settled {
            Ok(Ok(health)) if health.is_up() => return Ok(()),
            Ok(_) => return Err(ConnectError::Closed),
            Err(_) => {}
        }
        let health = self.health();
        match (health.read, health.write) {
            (ClassHealth::Down { cause }, _) | (_, ClassHealth::Down { cause }) => {
                Err(ConnectError::TimedOut {
                    after: within,
                    cause,
                })
            }
            _ => Ok(()),
        }
    }

    /// The health of each class of operations now. `memory:` is always up.
    #[must_use]
    pub fn health(&self) -> Health {
        match &self.inner {
            Inner::Redis(owner) => owner.servers.health().borrow().clone(),
            Inner::Memory(_) => Health::UP,
        }
    }

    /// Waits for changes of the health.
    #[must_use]
    pub fn watch(&self) -> HealthWatch {
        HealthWatch::new(match &self.inner {
            Inner::Redis(owner) => owner.servers.health().subscribe(),
            Inner::Memory(_) => tokio::sync::watch::Sender::new(Health::UP).subscribe(),
        })
    }

    /// Which life of which server answers. `None` before the first connection, for `memory:`, and where the
    /// server's ACL denies `INFO`.
    #[must_use]
    pub fn incarnation(&self) -> Option<Incarnation> {
        match &self.inner {
            Inner::Redis(owner) => owner.servers.incarnation(),
            Inner::Memory(_) => None,
        }
    }

    /// Ends the connection for all clones and handles. Operations from then on are told
    /// [`CommandError::Closed`](super::CommandError::Closed). Waits for at most a second for what is in flight.
    pub async fn close(&self) {
        if let Inner::Redis(owner) = &self.inner {
            owner.servers.close();
            let mut ended = owner.servers.ended();
            // The sender lives in the servers, which are held here.
            let _ = ended.wait_for(|ended| *ended).await;
        }
    }

    /// Gives a handle its backend. Cheap; every handle keeps the deadline of its own profile.
    #[must_use]
    pub fn attach(&self, profile: &Profile) -> Backend {
        match &self.inner {
            Inner::Redis(owner) => {
                let deadline = owner.servers.limits().attach(profile);
                Backend::Redis(Redis::new(Arc::clone(owner), deadline))
            }
            Inner::Memory(memory) => Backend::Memory(memory.clone()),
        }
    }
}

impl fmt::Debug for ConnectionManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ConnectionManager");
        match &self.inner {
            Inner::Redis(owner) => debug
                .field("server", &owner.servers.shown())
                .field("health", &*owner.servers.health().borrow())
                .finish(),
            Inner::Memory(_) => debug.field("server", &"memory:").finish(),
        }
    }
}
