//! Redis, Postgres and the storefront, running.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use testkit::process::{Launch, Running, Sandbox};
use testkit::{Database, PostgresServer, RedisServer};
use tokio::time::{Instant, sleep};

use crate::failure::{Doing, Failure, Outcome};
use crate::http::Connection;
use crate::workspace;

/// From its start to its first answer: it fills its database first.
const STARTUP: Duration = Duration::from_secs(60);
/// From being told to stop to its end.
const SHUTDOWN: Duration = Duration::from_secs(15);
const LOG: &str = "storefront.log";

/// Everything ends when it is dropped, and at the latest with this process.
#[derive(Debug)]
pub(super) struct Stage {
    address: SocketAddr,
    // Fields end in this order: who stands on the others first.
    storefront: Mutex<Running>,
    sandbox: Sandbox,
    redis: RedisServer,
    _database: Database,
    _postgres: PostgresServer,
}

impl Stage {
    /// Starts all three and waits until the storefront serves.
    pub(super) async fn set() -> Outcome<Self> {
        let redis = RedisServer::builder().try_start().await.doing("redis")?;
        let postgres = PostgresServer::builder()
            .try_start()
            .await
            .doing("postgresql")?;
        let database = postgres.database().await;
        let address = SocketAddr::from(([127, 0, 0, 1], testkit::port::free()));
        let sandbox = Sandbox::new(None).doing("cannot make a folder for the storefront")?;
        let arguments = [
            "--listen".to_owned(),
            address.to_string(),
            "--database-url".to_owned(),
            database.url().to_owned(),
            "--redis-url".to_owned(),
            redis.url(),
        ];
        let launch = Launch {
            program: workspace::target().join("debug").join("storefront"),
            args: arguments.into_iter().map(OsString::from).collect(),
            log: LOG,
        };
        let storefront = sandbox
            .launch(&launch)
            .doing("cannot start the storefront")?;
        let stage = Self {
            address,
            storefront: Mutex::new(storefront),
            sandbox,
            redis,
            _database: database,
            _postgres: postgres,
        };
        stage.serves().await?;
        Ok(stage)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn redis(&self) -> &RedisServer {
        &self.redis
    }

    /// Fails when the storefront has ended.
    pub(super) fn check(&self) -> Outcome {
        let ended = self
            .storefront
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .exited();
        match ended.doing("cannot wait for the storefront")? {
            None => Ok(()),
            Some(status) => Err(Failure::new(format!(
                "the storefront ended, {status}:\n{}",
                self.sandbox.tail(LOG)
            ))),
        }
    }

    /// What the storefront said last.
    pub(super) fn log(&self) -> String {
        self.sandbox.tail(LOG)
    }

    /// Asks the storefront to stop, as a supervisor would; it has to finish by itself and be content.
    pub(super) async fn stop(&self) -> Outcome {
        let pid = self
            .storefront
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pid();
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| Failure::new("the storefront has no process id"))?;
        kill_process(pid, Signal::TERM).doing("cannot signal the storefront")?;
        let end = Instant::now() + SHUTDOWN;
        loop {
            let ended = self
                .storefront
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .exited();
            match ended.doing("cannot wait for the storefront")? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    return Err(Failure::new(format!(
                        "the storefront ended with {status}:\n{}",
                        self.log()
                    )));
                }
                None if Instant::now() >= end => {
                    return Err(Failure::new(format!(
                        "the storefront did not stop within {SHUTDOWN:?}"
                    )));
                }
                None => sleep(Duration::from_millis(20)).await,
            }
        }
    }

    async fn serves(&self) -> Outcome {
        let end = Instant::now() + STARTUP;
        loop {
            self.check()?;
            if let Ok(mut connection) = Connection::open(self.address).await {
                if connection
                    .get("/healthz")
                    .await
                    .is_ok_and(|response| response.status == 200)
                {
                    return Ok(());
                }
            }
            if Instant::now() >= end {
                return Err(Failure::new(format!(
                    "the storefront did not serve within {STARTUP:?}:\n{}",
                    self.log()
                )));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}
