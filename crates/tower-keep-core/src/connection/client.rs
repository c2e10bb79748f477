//! The client library's settings. Everything that is unusual here works around something; ARCHITECTURE.md has the list.

use std::{sync::Arc, time::Duration};

use fred::{
    clients::Client,
    types::{
        Builder,
        config::{
            Config, CredentialProvider, ReconnectPolicy, Server, ServerConfig, TcpConfig,
            UnresponsiveConfig,
        },
    },
};

use super::{
    credentials::Provider,
    error::OpenError,
    limits::Overrides,
    target::{Address, Node, Target},
    tls::TlsSettings,
};

/// How long one attempt to connect, and the handshake after it, may take. Nothing waits for it but the background.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// How long the kernel waits for sent data to be acknowledged before it gives a connection up (`TCP_USER_TIMEOUT`).
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(1);

/// A client for the target; `None` for `memory:`.
pub(super) fn build(
    target: &Target,
    overrides: &Overrides,
    tls: &TlsSettings,
    provider: Option<Provider>,
) -> Result<Option<Client>, OpenError> {
    tls.check(target.tls)?;
    let Some(server) = server_config(&target.address) else {
        return Ok(None);
    };
    #[cfg(not(feature = "tls"))]
    if target.tls {
        return Err(OpenError::MissingFeature {
            scheme: String::from("rediss"),
            feature: "tls",
        });
    }
    let config = Config {
        server,
        username: target.username.clone(),
        password: target
            .password
            .as_ref()
            .map(|password| password.reveal().to_owned()),
        database: target.database,
        // A first connection that fails is retried in the background like any other.
        fail_fast: false,
        credential_provider: provider
            .map(|provider| Arc::new(provider) as Arc<dyn CredentialProvider>),
        #[cfg(feature = "tls")]
        tls: match target.tls {
            // Not the library's own: it fails if one of the platform's certificates is broken, and uses whatever
            // provider of cryptography the process happens to have.
            true => Some(tls.config()?.into()),
            false => None,
        },
        ..Config::default()
    };
    let connect_timeout = overrides.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
    let user_timeout = overrides.tcp_user_timeout.unwrap_or(TCP_USER_TIMEOUT);
    Builder::from_config(config)
        .with_connection_config(|connection| {
            connection.connection_timeout = connect_timeout;
            connection.internal_command_timeout = connect_timeout;
            // More would replay commands that may have been executed.
            connection.max_command_attempts = 1;
            // Following an ASK it takes others' replies for its own. A MOVED it learns from, and we send again.
            connection.max_redirections = 0;
            connection.reconnect_on_auth_error = true;
            // A read-only or loading server still serves what it can; whether to reconnect is decided by the prober.
            connection.reconnect_errors = Vec::new();
            connection.tcp = TcpConfig {
                nodelay: Some(true),
                user_timeout: Some(user_timeout),
                ..TcpConfig::default()
            };
            // Works only on an idle connection, and the prober never lets one be idle.
            connection.unresponsive = UnresponsiveConfig::default();
            // `max_command_buffer_len` stays 0: one command over it leaves the client broken for good.
        })
        .with_performance_config(|performance| {
            // For the commands that the library sends by itself; ours carry their own.
            performance.default_command_timeout = Duration::from_secs(1);
            performance.broadcast_channel_capacity = 256;
        })
        .set_policy(ReconnectPolicy::Exponential {
            attempts: 0,
            max_attempts: 0,
            min_delay: 1,
            max_delay: 500,
            base: 2,
            jitter: 20,
        })
        .build()
        .map(Some)
        .map_err(|error| OpenError::Client(error.details().to_owned()))
}

fn server_config(address: &Address) -> Option<ServerConfig> {
    let server = |node: &Node| Server::new(node.host.clone(), node.port);
    Some(match address {
        Address::Memory => return None,
        Address::Server(node) => ServerConfig::Centralized {
            server: server(node),
        },
        Address::Unix(path) => ServerConfig::Unix { path: path.clone() },
        Address::Cluster(nodes) => ServerConfig::Clustered {
            hosts: nodes.iter().map(server).collect(),
            policy: fred::types::config::ClusterDiscoveryPolicy::UseCache,
        },
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
