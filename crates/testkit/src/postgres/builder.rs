use super::PostgresServer;
use crate::StartError;

/// What a [`PostgresServer`] is to be.
#[derive(Clone, Debug, Default)]
pub struct PostgresBuilder {
    pub(super) settings: Vec<(String, String)>,
}

impl PostgresBuilder {
    /// A setting as in `postgresql.conf`: `.setting("wal_level", "logical")`. The last one of a name counts.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Starts it and waits until it answers.
    ///
    /// # Panics
    /// Where [`try_start`](Self::try_start) fails.
    pub async fn start(self) -> PostgresServer {
        self.try_start()
            .await
            .unwrap_or_else(|error| panic!("Postgres: {error}"))
    }

    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// If there is no PostgreSQL on this machine or it does not come up.
    ///
    /// # Panics
    /// If the runtime is shutting down.
    pub async fn try_start(self) -> Result<PostgresServer, StartError> {
        let started = tokio::task::spawn_blocking(move || PostgresServer::launch(&self)).await;
        started.expect("the runtime runs this to its end")
    }
}
