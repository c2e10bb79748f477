//! Flags and environment, checked before anything is started.

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;

use sqlx::postgres::PgConnectOptions;
use tower_keep::connection::{ConnectionBuilder, ConnectionManager};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A product catalogue on Postgres, behind a response cache on Redis.

usage: storefront [OPTIONS]

  --listen ADDRESS       address to serve on [env LISTEN] [default 127.0.0.1:3000]
  --database-url URL     postgres://user:password@host:port/database [env DATABASE_URL]
  --redis-url URL        redis://host:port/database, or memory: for a cache in this process [env REDIS_URL]
  --help                 print this

A flag wins over its variable. RUST_LOG sets what is logged (default info).
";

const DEFAULT_LISTEN: &str = "127.0.0.1:3000";

/// Settings that are all there and all well-formed.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) database: PgConnectOptions,
    pub(crate) redis: ConnectionBuilder,
}

/// Everything that is wrong with the settings, so that one look mends it all. Values are repeated
/// only where they cannot hold a password.
#[derive(Debug)]
pub(crate) struct SettingsError {
    problems: Vec<String>,
}

impl Settings {
    /// Reads the arguments after the program's name; `variable` looks up the environment.
    /// `None`: only help is asked for.
    pub(crate) fn read(
        arguments: impl IntoIterator<Item = OsString>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Self>, SettingsError> {
        let mut problems = Vec::new();
        let mut listen = Setting::new("--listen", "LISTEN");
        let mut database = Setting::new("--database-url", "DATABASE_URL");
        let mut redis = Setting::new("--redis-url", "REDIS_URL");

        let mut parser = lexopt::Parser::from_args(arguments);
        loop {
            let setting = match parser.next() {
                Ok(None) => break,
                Ok(Some(lexopt::Arg::Long("help") | lexopt::Arg::Short('h'))) => {
                    return Ok(None);
                }
                Ok(Some(lexopt::Arg::Long("listen"))) => &mut listen,
                Ok(Some(lexopt::Arg::Long("database-url"))) => &mut database,
                Ok(Some(lexopt::Arg::Long("redis-url"))) => &mut redis,
                Ok(Some(other)) => {
                    problems.push(other.unexpected().to_string());
                    continue;
                }
                Err(error) => {
                    problems.push(error.to_string());
                    continue;
                }
            };
            match parser.value() {
                Ok(value) => setting.flag = Some(value),
                Err(error) => problems.push(error.to_string()),
            }
        }

        let listen = listen.parse(&variable, Some(DEFAULT_LISTEN), &mut problems, |text| {
            text.parse::<SocketAddr>()
                .map_err(|_| format!("`{text}` is not an address such as {DEFAULT_LISTEN}"))
        });
        let database = database.parse(&variable, None, &mut problems, |text| {
            if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
                return Err("a postgres:// URL is wanted".to_owned());
            }
            text.parse::<PgConnectOptions>()
                .map_err(|error| error.to_string())
        });
        let redis = redis.parse(&variable, None, &mut problems, |text| {
            ConnectionManager::builder(text).map_err(|error| error.to_string())
        });

        match (listen, database, redis) {
            (Some(listen), Some(database), Some(redis)) if problems.is_empty() => Ok(Some(Self {
                listen,
                database,
                redis,
            })),
            _ => Err(SettingsError { problems }),
        }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for SettingsError {}

struct Setting {
    name: &'static str,
    variable: &'static str,
    flag: Option<OsString>,
}

impl Setting {
    fn new(name: &'static str, variable: &'static str) -> Self {
        Self {
            name,
            variable,
            flag: None,
        }
    }

    /// The flag, else the variable, else the default; what is wrong is added to `problems`.
    fn parse<T>(
        self,
        variable: &impl Fn(&str) -> Option<OsString>,
        default: Option<&str>,
        problems: &mut Vec<String>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (source, value) = match self.flag {
            Some(value) => (self.name, Some(value)),
            None => (
                self.variable,
                variable(self.variable).filter(|value| !value.is_empty()),
            ),
        };
        let Some(value) = value.or_else(|| default.map(OsString::from)) else {
            problems.push(format!(
                "{} is missing (or set {})",
                self.name, self.variable
            ));
            return None;
        };
        let parsed = value
            .to_str()
            .ok_or_else(|| "not UTF-8".to_owned())
            .and_then(parse);
        parsed
            .map_err(|problem| problems.push(format!("{source}: {problem}")))
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Option<Settings>, SettingsError> {
        Settings::read(arguments.iter().map(OsString::from), |name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn a_flag_wins_over_its_variable() {
        let settings = read(
            &["--listen", "127.0.0.1:1", "--redis-url=memory:"],
            &[
                ("LISTEN", "127.0.0.1:2"),
                ("DATABASE_URL", "postgres://localhost/shop"),
                ("REDIS_URL", "redis://elsewhere"),
            ],
        );
        let settings = settings.unwrap().unwrap();
        assert_eq!(settings.listen.port(), 1);
        assert_eq!(settings.database.get_database(), Some("shop"));
    }

    #[test]
    fn every_bad_setting_is_named_in_one_go() {
        let error = read(
            &["--listen", "here", "--colour", "extra"],
            &[("DATABASE_URL", "mysql://root:hunter2@localhost")],
        );
        let text = error.unwrap_err().to_string();
        for part in [
            "--listen: `here` is not an address",
            "--colour",
            "extra",
            "DATABASE_URL: a postgres:// URL",
            "--redis-url is missing (or set REDIS_URL)",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("hunter2"));
    }

    #[test]
    fn help_wins_over_what_is_missing() {
        assert!(matches!(read(&["--help"], &[]), Ok(None)));
    }
}
