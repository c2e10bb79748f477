//! Where the servers' programs are on this machine.
//!
//! Each is looked for in this order, and the first one that says the right thing to `--version` is taken:
//!
//! | | Redis or Valkey, at least 6.2 | PostgreSQL, at least 13 |
//! |---|---|---|
//! | the environment | [`REDIS_SERVER`]: the program | [`POSTGRES_BIN`]: the folder of `initdb` and `postgres` |
//! | `PATH` | `redis-server`, `valkey-server` | `postgres`, with an `initdb` beside it |
//! | known places | Homebrew, `/usr/local/bin` … | Debian's, Red Hat's, Homebrew's, Postgres.app's |
//! | [`tools`] | either, at any depth | either, at any depth |
//!
//! `--version` is asked because a name proves nothing: there is a package that installs a `redis-server` which is none.

mod candidates;
mod found;
mod version;

use std::path::PathBuf;

use candidates::Candidates;
pub use found::{Found, NotFound, Source, Tried};
pub use version::{Product, Version};

/// Environment variable that names the Redis or Valkey server program.
pub const REDIS_SERVER: &str = "TOWER_KEEP_REDIS_SERVER";
/// Environment variable that names the folder with `initdb` and `postgres`.
pub const POSTGRES_BIN: &str = "TOWER_KEEP_POSTGRES_BIN";

/// The Redis or Valkey server; [`Found::path`] is the program.
///
/// # Errors
/// If there is none, or the environment names one that will not do.
pub fn redis() -> Result<Found, NotFound> {
    Candidates::of_redis().choose(REDIS_SERVER, Version::new(6, 2))
}

/// The Valkey server, where Redis will not do.
///
/// # Errors
/// If there is none, or the environment names another.
pub fn valkey() -> Result<Found, NotFound> {
    Candidates::of_valkey().choose(REDIS_SERVER, Version::new(7, 2))
}

/// The PostgreSQL server; [`Found::path`] is the folder with `initdb` and `postgres`.
///
/// # Errors
/// If there is none, or the environment names one that will not do.
pub fn postgres() -> Result<Found, NotFound> {
    Candidates::of_postgres().choose(POSTGRES_BIN, Version::new(13, 0))
}

/// Where programs are put that are installed for this workspace alone: `target/tools`.
#[must_use]
pub fn tools() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")),
        PathBuf::from,
    );
    target.canonicalize().unwrap_or(target).join("tools")
}
