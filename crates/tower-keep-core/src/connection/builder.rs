use std::{error::Error, future::Future, time::Duration};

#[cfg(feature = "tls")]
use super::tls::Pem;
use super::{
    credentials::{Credentials, Provider},
    error::OpenError,
    manager::ConnectionManager,
    url::ConnectionUrl,
};

/// A URL and settings on top of it. A value set here wins over the URL's, and the URL's wins over every handle's
/// [`Profile`](super::Profile).
#[derive(Clone, Debug)]
#[must_use = "nothing is opened before `open`"]
pub struct ConnectionBuilder {
    url: ConnectionUrl,
    provider: Option<Provider>,
}

impl ConnectionBuilder {
    pub(super) fn new(url: &str) -> Result<Self, OpenError> {
        Ok(Self {
            url: url.parse()?,
            provider: None,
        })
    }

    /// The deadline of every operation, for all handles.
    pub fn command_timeout(mut self, timeout: Duration) -> Self {
        self.url.overrides.command_timeout = Some(timeout);
        self
    }

    /// How long operations may be in flight without any reply before the gate trips.
    pub fn stall_age(mut self, age: Duration) -> Self {
        self.url.overrides.stall_age = Some(age);
        self
    }

    /// How many operations may be in flight; more are told
    /// [`Overloaded`](super::CommandError::Overloaded).
    pub fn in_flight(mut self, operations: usize) -> Self {
        self.url.overrides.in_flight = Some(operations);
        self
    }

    /// How long one attempt to connect may take, and as long again for its handshake. Defaults to 500 ms.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.url.overrides.connect_timeout = Some(timeout);
        self
    }

    /// When a connection is given up for dead: after this many timeouts in a row and no reply for this long.
    pub fn reconnect_after(mut self, timeouts: u32, silence: Duration) -> Self {
        self.url.overrides.reconnect_after_timeouts = Some(timeouts);
        self.url.overrides.reconnect_after_silence = Some(silence);
        self
    }

    /// Credentials that change while the application runs: `fetch` is asked before every connection, and its answer
    /// wins over the URL. With `renew_every` the connection authenticates anew that often, for tokens that the
    /// server forgets. An error counts as refused credentials, with its words. Sentinels are given the same credentials,
    /// and `sentinel_password` is not used then.
    pub fn credentials<F, Fut>(mut self, fetch: F, renew_every: Option<Duration>) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Credentials, Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        self.provider = Some(Provider::new(fetch, renew_every));
        self
    }

    /// The only certificate authorities that are trusted, in PEM, instead of the platform's. Needs a `rediss…` URL;
    /// wins over its `ca`.
    #[cfg(feature = "tls")]
    pub fn roots(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.url.tls.roots = Some(Pem::text(pem.into()));
        self
    }

    /// What this client shows to a server that asks who it is: its certificate and those up to the authority, and the
    /// key (PKCS#8, PKCS#1 or SEC1), both in PEM. Needs a `rediss…` URL; wins over its `cert` and `key`.
    #[cfg(feature = "tls")]
    pub fn client_certificate(
        mut self,
        chain: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.url.tls.chain = Some(Pem::text(chain.into()));
        self.url.tls.key = Some(Pem::text(key.into()));
        self
    }

    /// Returns at once and connects in the background.
    ///
    /// # Errors
    /// If the settings are not understood together, if a certificate or a key cannot be used, or if there is no tokio
    /// runtime.
    pub fn open(self) -> Result<ConnectionManager, OpenError> {
        ConnectionManager::start(&self.url, self.provider)
    }
}
