use std::fmt;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::clock;

/// Which server a program says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the servers that the tests know")]
pub enum Product {
    /// `redis-server`.
    Redis,
    /// `valkey-server`.
    Valkey,
    /// `postgres`.
    Postgres,
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redis => "Redis",
            Self::Valkey => "Valkey",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// A server's version, as far as anything here depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 7 in 7.0.15.
    pub major: u32,
    /// 0 in 7.0.15; 0 where there is none, as in 18beta1.
    pub minor: u32,
}

impl Version {
    /// `major.minor`.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    fn read(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(|part| {
            let digits = part
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(part.len());
            part[..digits].parse().ok()
        });
        Some(Self::new(
            numbers.next()??,
            numbers.next().flatten().unwrap_or(0),
        ))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Which product a program is, and which version, by its own word. `Err` is why that cannot be said.
pub(super) fn ask(program: &Path) -> Result<(Product, Version), String> {
    let answer = run(program).map_err(|error| error.to_string())?;
    let line = answer.lines().next().unwrap_or_default();
    read(line).ok_or_else(|| format!("says {line:?}"))
}

/// The first lines that servers answer with:
/// `Redis server v=7.0.15 sha=…`, `Valkey server v=8.1.1 sha=…`, `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`.
fn read(line: &str) -> Option<(Product, Version)> {
    let (product, rest) = [
        (Product::Redis, "Redis server v="),
        (Product::Valkey, "Valkey server v="),
        (Product::Postgres, "postgres (PostgreSQL) "),
    ]
    .into_iter()
    .find_map(|(product, start)| Some((product, line.strip_prefix(start)?)))?;
    Some((product, Version::read(rest)?))
}

fn run(program: &Path) -> io::Result<String> {
    // Busy: a thread that has just forked may still hold the file open for writing that another has just installed.
    let spawned = clock::poll(Duration::from_secs(1), || match spawn(program) {
        Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => None,
        other => Some(other),
    });
    let mut child = spawned.unwrap_or_else(|| spawn(program))?;
    // One that does not know the flag might start to serve instead of answering.
    if clock::poll(Duration::from_secs(5), || child.try_wait().transpose()).is_none() {
        child.kill()?;
        child.wait()?;
        return Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "does not answer --version",
        ));
    }
    let output = child.wait_with_output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn spawn(program: &Path) -> io::Result<std::process::Child> {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_known_by_the_first_line_of_their_answer() {
        let redis = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c971a948f0";
        assert_eq!(read(redis), Some((Product::Redis, Version::new(7, 0))));
        assert_eq!(
            read("Valkey server v=9.1.2 sha=0"),
            Some((Product::Valkey, Version::new(9, 1)))
        );
        let postgres = "postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)";
        assert_eq!(
            read(postgres),
            Some((Product::Postgres, Version::new(15, 13)))
        );
        assert_eq!(
            read("postgres (PostgreSQL) 18beta1"),
            Some((Product::Postgres, Version::new(18, 0)))
        );
        assert_eq!(read("redis-server 0.1.1"), None);
        assert_eq!(read("Redis server v="), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn versions_are_ordered_by_number() {
        assert!(Version::new(6, 2) < Version::new(7, 0));
        assert!(Version::new(7, 2) < Version::new(7, 10));
    }
}
