use std::fmt;
use std::net::{Ipv6Addr, TcpListener};
use std::process::Command;

use crate::locate::{self, Version};
use crate::process::hosts_can_be_private;

/// Something that the servers on this machine may be unable to do.
///
/// A test that needs such a thing asks for it first, and returns where it is not there:
///
/// ```no_run
/// # use testkit::{Capability, require};
/// if !require(Capability::RedisTls) {
///     return;
/// }
/// ```
///
/// What is passed over in this way is printed and counted, and in a strict run it is a failure: a test that does not run
/// shows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Capability {
    /// Redis, or Valkey, of this version at least.
    Redis(Version),
    /// A Redis that was built with TLS.
    RedisTls,
    /// IPv6, at least on loopback.
    Ipv6,
    /// A process with an `/etc/hosts` of its own, and more than one loopback address: Linux, as root or where users may
    /// have namespaces.
    OwnHosts,
    /// PostgreSQL of this version at least.
    Postgres(Version),
    /// A program that comes with PostgreSQL but not with every package of it, such as `pg_basebackup`.
    PostgresProgram(&'static str),
}

impl Capability {
    /// `Err` is why it is not there.
    ///
    /// # Panics
    /// If there is no such server at all: that is no build that lacks something.
    pub(super) fn missing(self) -> Result<(), String> {
        match self {
            Self::Redis(least) => at_least(redis().version, least),
            Self::RedisTls if speaks_tls() => Ok(()),
            Self::RedisTls => Err("this build of Redis has no TLS".to_owned()),
            Self::Ipv6 => match TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) {
                Ok(_) => Ok(()),
                Err(error) => Err(format!("this machine has none: {error}")),
            },
            Self::OwnHosts if !cfg!(target_os = "linux") => Err("this is not Linux".to_owned()),
            Self::OwnHosts if hosts_can_be_private() => Ok(()),
            Self::OwnHosts => Err("this user may not mount, not even for itself".to_owned()),
            Self::Postgres(least) => at_least(postgres().version, least),
            Self::PostgresProgram(name) if postgres().path.join(name).is_file() => Ok(()),
            Self::PostgresProgram(name) => Err(format!(
                "there is no {name} in {}",
                postgres().path.display()
            )),
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redis(least) => write!(f, "Redis >= {least}"),
            Self::RedisTls => f.write_str("Redis with TLS"),
            Self::Ipv6 => f.write_str("IPv6"),
            Self::OwnHosts => f.write_str("an /etc/hosts of its own"),
            Self::Postgres(least) => write!(f, "PostgreSQL >= {least}"),
            Self::PostgresProgram(name) => f.write_str(name),
        }
    }
}

fn at_least(version: Version, least: Version) -> Result<(), String> {
    if version >= least {
        Ok(())
    } else {
        Err(format!("this is version {version}"))
    }
}

/// Asked to listen with TLS and nothing else, and given no certificate: a build that can misses the certificate, one
/// that cannot complains of something else, Valkey and newer Redis not before they have understood every option. Neither
/// starts.
fn speaks_tls() -> bool {
    let output = Command::new(redis().path)
        .args(["--port", "0", "--tls-port", "6379", "--save", ""])
        .output()
        .unwrap_or_else(|error| panic!("Redis: {error}"));
    String::from_utf8_lossy(&output.stdout).contains("tls-cert-file")
}

fn redis() -> locate::Found {
    locate::redis().unwrap_or_else(|error| panic!("{error}"))
}

fn postgres() -> locate::Found {
    locate::postgres().unwrap_or_else(|error| panic!("{error}"))
}
