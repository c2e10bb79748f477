//! The client library's settings. Everything that is unusual here works around something; ARCHITECTURE.md has the list.

use std::{fmt, sync::Arc, time::Duration};

use fred::{
    clients::Client,
    types::config::{
        Config, ConnectionConfig, CredentialProvider, PerformanceConfig, ReconnectPolicy, Server,
        ServerConfig, TcpConfig, UnresponsiveConfig,
    },
};

use super::{
    credentials::{NoCredentials, Provider},
    error::OpenError,
    limits::Overrides,
    target::{Address, Node, Target},
    tls::TlsSettings,
};

/// How long one attempt to connect, and the handshake after it, may take. Nothing waits for it but the background.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// How long the kernel waits for sent data to be acknowledged before it gives a connection up (`TCP_USER_TIMEOUT`).
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(1);

/// What all clients of a manager have in common.
#[derive(Clone)]
pub(super) struct Blueprint {
    config: Config,
    connection: ConnectionConfig,
    provider: Option<Provider>,
}

impl Blueprint {
    pub(super) fn new(
        target: &Target,
        overrides: &Overrides,
        tls: &TlsSettings,
        provider: Option<Provider>,
    ) -> Result<Self, OpenError> {
        tls.check(target.tls)?;
        #[cfg(not(feature = "tls"))]
        if target.tls {
            return Err(OpenError::MissingFeature {
                scheme: String::from("rediss"),
                feature: "tls",
            });
        }
        let config = Config {
            username: target.username.clone(),
            password: target
                .password
                .as_ref()
                .map(|password| password.reveal().to_owned()),
            database: target.database,
            // A first connection that fails is retried in the background like any other.
            fail_fast: false,
            #[cfg(feature = "tls")]
            tls: match target.tls {
                // Not the library's own: it fails if one of the platform's certificates is broken, and uses whatever
                // provider of cryptography the process happens to have.
                true => Some(tls.config()?.into()),
                false => None,
            },
            ..Config::default()
        };
        Ok(Self {
            config,
            connection: connection_config(overrides),
            provider,
        })
    }

    /// A client for a server, which connects once it is told to.
    pub(super) fn client(&self, server: ServerConfig) -> Client {
        self.build(server, self.provider.clone())
    }

    /// A client for one question, which needs no task that renews its credentials.
    pub(super) fn passing_client(&self, server: ServerConfig) -> Client {
        self.build(server, self.provider.as_ref().map(Provider::once))
    }

    fn build(&self, server: ServerConfig, provider: Option<Provider>) -> Client {
        let config = Config {
            credential_provider: self.credential_provider(&server, provider),
            server,
            ..self.config.clone()
        };
        let performance = PerformanceConfig {
            // For the commands that the library sends by itself; ours carry their own.
            default_command_timeout: Duration::from_secs(1),
            broadcast_channel_capacity: 256,
            ..PerformanceConfig::default()
        };
        let policy = ReconnectPolicy::Exponential {
            attempts: 0,
            max_attempts: 0,
            min_delay: 1,
            max_delay: 500,
            base: 2,
            jitter: 20,
        };
        let connection = self.connection.clone();
        Client::new(config, Some(performance), Some(connection), Some(policy))
    }

    fn credential_provider(
        &self,
        server: &ServerConfig,
        provider: Option<Provider>,
    ) -> Option<Arc<dyn CredentialProvider>> {
        match (provider, server) {
            (Some(provider), _) => Some(Arc::new(provider)),
            // The library would take the provider's word for the sentinels too.
            (None, ServerConfig::Sentinel { .. }) => None,
            (None, _) if self.config.password.is_some() => None,
            (None, _) => Some(Arc::new(NoCredentials)),
        }
    }

    /// How long one attempt to connect may take, the handshake included.
    pub(super) fn patience(&self) -> Duration {
        self.connection.connection_timeout + self.connection.internal_command_timeout
    }
}

/// Without what is secret in it.
impl fmt::Debug for Blueprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blueprint").finish_non_exhaustive()
    }
}

fn connection_config(overrides: &Overrides) -> ConnectionConfig {
    let connect_timeout = overrides.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
    let user_timeout = overrides.tcp_user_timeout.unwrap_or(TCP_USER_TIMEOUT);
    ConnectionConfig {
        connection_timeout: connect_timeout,
        internal_command_timeout: connect_timeout,
        // More would replay commands that may have been executed.
        max_command_attempts: 1,
        reconnect_on_auth_error: true,
        // A read-only or loading server still serves what it can; whether to reconnect is decided by the prober.
        reconnect_errors: Vec::new(),
        tcp: TcpConfig {
            nodelay: Some(true),
            user_timeout: Some(user_timeout),
            ..TcpConfig::default()
        },
        // Works only on an idle connection, and the prober never lets one be idle.
        unresponsive: UnresponsiveConfig::default(),
        // `max_command_buffer_len` stays 0: one command over it leaves the client broken for good.
        ..ConnectionConfig::default()
    }
}

/// Where to connect to; `None` for a cluster, of which each node is somewhere, and for `memory:`.
pub(super) fn place(address: &Address) -> Option<ServerConfig> {
    Some(match address {
        Address::Memory | Address::Cluster(_) => return None,
        Address::Server(node) => at(node),
        Address::Unix(path) => ServerConfig::Unix { path: path.clone() },
        Address::Sentinel {
            nodes,
            service,
            username,
            password,
        } => ServerConfig::Sentinel {
            hosts: nodes.iter().map(server).collect(),
            service_name: service.clone(),
            username: username.clone(),
            password: password
                .as_ref()
                .map(|password| password.reveal().to_owned()),
        },
    })
}

/// Where one server is.
pub(super) fn at(node: &Node) -> ServerConfig {
    ServerConfig::Centralized {
        server: server(node),
    }
}

fn server(node: &Node) -> Server {
    Server::new(node.host.clone(), node.port)
}

#[cfg(all(test, not(feature = "tls")))]
mod tests {
    use crate::connection::{ConnectionManager, OpenError};

    #[tokio::test]
    async fn a_url_with_tls_names_the_feature_that_it_needs() {
        for url in [
            "rediss://localhost",
            "valkeys-cluster://localhost?ca=ca.pem",
        ] {
            let error = ConnectionManager::open(url).unwrap_err();
            assert!(
                matches!(&error, OpenError::MissingFeature { feature: "tls", .. }),
                "{error:?}"
            );
            assert!(error.to_string().contains("`tls`"), "{error}");
        }
    }
}
