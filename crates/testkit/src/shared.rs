use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use tokio::sync::OnceCell;

use crate::resp::Client;
use crate::{Database, PostgresServer, RedisServer};

/// Environment variable with the URL of a Redis that all tests of a run share. Without it each process starts one.
pub const REDIS_URL: &str = "TOWER_KEEP_TEST_REDIS_URL";

/// Environment variable with the URL of a Postgres in which all tests of a run make their databases. Without it each
/// process starts one.
pub const POSTGRES_URL: &str = "TOWER_KEEP_TEST_POSTGRES_URL";

static REDIS: OnceCell<RedisServer> = OnceCell::const_new();
static POSTGRES: OnceCell<PostgresServer> = OnceCell::const_new();

/// A Redis that other tests use too, each in its own namespace: for tests that neither stop it nor flush it.
///
/// # Panics
/// If there is none and none can be started.
pub async fn redis() -> SharedRedis {
    let url = match given(REDIS_URL) {
        Some(url) => url,
        None => REDIS.get_or_init(RedisServer::start).await.url(),
    };
    SharedRedis {
        url,
        namespace: unique("t"),
    }
}

/// A database that nobody else uses, on a server that others use too.
///
/// # Panics
/// If there is no server and none can be started.
pub async fn database() -> Database {
    match given(POSTGRES_URL) {
        Some(url) => Database::on(&url).await,
        None => {
            POSTGRES
                .get_or_init(PostgresServer::start)
                .await
                .database()
                .await
        }
    }
}

fn given(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|url| !url.is_empty())
}

/// A Redis for everybody, and a part of it for one test.
#[derive(Clone, Debug)]
pub struct SharedRedis {
    url: String,
    namespace: String,
}

impl SharedRedis {
    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A namespace that nobody else has, in this run or another one: `[a-z0-9-]`, at most 32 characters.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A connection to it.
    ///
    /// # Panics
    /// If it cannot be had.
    pub async fn client(&self) -> Client {
        Client::connect(&self.url)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", self.url))
    }
}

/// A name that nobody else has: by the time in µs, the process and a counter.
pub(crate) fn unique(prefix: &str) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_micros();
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!(
        "{prefix}{:x}-{:x}-{count:x}",
        now & 0xff_ffff_ffff_ffff,
        std::process::id()
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_differ_and_fit_where_names_go() {
        let names: HashSet<String> = (0..100).map(|_| unique("t")).collect();
        assert_eq!(names.len(), 100);
        for name in names {
            assert!(name.len() <= 32, "{name}");
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{name}"
            );
        }
    }
}
