use std::io;
use std::time::Duration;

use super::Connection;
use super::target::with_database;
use crate::shared::unique;

/// At its end a test waits no longer than this for a server that it has left paused.
const FAREWELL: Duration = Duration::from_secs(2);

/// A database for one test, empty; dropped with this value, connections to it or not.
#[derive(Debug)]
pub struct Database {
    server: String,
    name: String,
    url: String,
}

impl Database {
    /// Makes one on the server of this URL, which names a database to connect to meanwhile.
    ///
    /// # Panics
    /// If it cannot be made.
    pub async fn on(server: &str) -> Self {
        let server = server.to_owned();
        blocking(move || {
            let name = unique("keep_").replace('-', "_");
            Connection::open(&server)?.query(&format!("CREATE DATABASE {name}"))?;
            let url = with_database(&server, &name);
            Ok(Self { server, name, url })
        })
        .await
    }

    /// `postgres://…`, for whatever connects to Postgres.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs statements on a connection of their own and returns their rows, each value as its text.
    ///
    /// # Panics
    /// If one fails.
    pub async fn query(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let (url, sql) = (self.url.clone(), sql.to_owned());
        blocking(move || Connection::open(&url)?.query(&sql)).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A server that is gone took it along.
        if let Ok(mut connection) = Connection::open_within(&self.server, FAREWELL) {
            let _ = connection.query(&format!(
                "DROP DATABASE IF EXISTS {} WITH (FORCE)",
                self.name
            ));
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(work)
        .await
        .expect("the runtime runs this to its end");
    done.unwrap_or_else(|error| panic!("Postgres: {error}"))
}
