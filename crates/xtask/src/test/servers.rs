//! The servers that all tests of a run share.

use std::env;

use testkit::{POSTGRES_URL, PostgresServer, REDIS_URL, RedisServer};
use tokio::process::Command;

use crate::failure::{Doing, Outcome};

/// Started for this run unless the environment names others; ends with it.
#[derive(Debug)]
pub(super) struct Servers {
    redis: Option<RedisServer>,
    postgres: Option<PostgresServer>,
}

impl Servers {
    pub(super) async fn start() -> Outcome<Self> {
        let redis = if is_given(REDIS_URL) {
            None
        } else {
            Some(RedisServer::builder().try_start().await.doing("redis")?)
        };
        let postgres = if is_given(POSTGRES_URL) {
            None
        } else {
            Some(
                PostgresServer::builder()
                    .try_start()
                    .await
                    .doing("postgresql")?,
            )
        };
        Ok(Self { redis, postgres })
    }

    /// Tells tests where they are.
    pub(super) fn tell(&self, command: &mut Command) {
        if let Some(redis) = &self.redis {
            command.env(REDIS_URL, redis.url());
        }
        if let Some(postgres) = &self.postgres {
            command.env(POSTGRES_URL, postgres.url());
        }
    }
}

fn is_given(variable: &str) -> bool {
    let given = env::var_os(variable).is_some_and(|value| !value.is_empty());
    if given {
        println!(
            "{:<11} shared by the tests: the one that {variable} names",
            ""
        );
    }
    given
}
