use std::ffi::OsString;

use super::RedisServer;
use crate::StartError;

/// What a [`RedisServer`] is to be.
#[derive(Clone, Debug, Default)]
pub struct RedisBuilder {
    pub(super) password: Option<String>,
    pub(super) unix_socket: bool,
    pub(super) args: Vec<OsString>,
    pub(super) kind: Kind,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<super::tls::Tls>,
}

/// What the program runs as.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Kind {
    #[default]
    Server,
    /// Has a second port, for the bus.
    ClusterNode,
    /// Has a file that it writes its state to.
    Sentinel,
}

impl RedisBuilder {
    /// Clients need this password. Defaults to none.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// [`RedisServer::url`] is that of the Unix socket. The TCP port is there all the same.
    #[must_use]
    pub fn unix_socket(mut self) -> Self {
        self.unix_socket = true;
        self
    }

    /// A port with TLS beside the one without: [`RedisServer::tls_url`]. The server shows `certificate`; of a client that
    /// shows one, it must be `authority`'s. Needs [`Capability::RedisTls`](crate::Capability::RedisTls).
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, authority: &crate::Authority, certificate: &crate::Certificate) -> Self {
        self.tls = Some(super::tls::Tls::new(authority, certificate));
        self
    }

    /// Clients must show a certificate on the port with TLS.
    ///
    /// # Panics
    /// If there is none.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn require_client_certificates(mut self) -> Self {
        self.tls.as_mut().expect("`tls` comes first").of_clients = "yes";
        self
    }

    /// One more argument for the program: `.arg("--maxmemory").arg("1mb")`.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(super) fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Starts it and waits until it answers.
    ///
    /// # Panics
    /// Where [`try_start`](Self::try_start) fails.
    pub async fn start(self) -> RedisServer {
        self.try_start()
            .await
            .unwrap_or_else(|error| panic!("Redis: {error}"))
    }

    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// If there is no Redis on this machine or it does not come up.
    ///
    /// # Panics
    /// If the runtime is shutting down.
    pub async fn try_start(self) -> Result<RedisServer, StartError> {
        tokio::task::spawn_blocking(move || RedisServer::launch(&self))
            .await
            .expect("the runtime runs this to its end")
    }
}
