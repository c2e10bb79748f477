use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use testkit::locate::{self, Found};
use tokio::process::Command;
use tokio::time::timeout;

/// A server that tests and demo start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Redis,
    Postgres,
}

impl Server {
    pub(crate) const ALL: [Self; 2] = [Self::Redis, Self::Postgres];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Postgres => "postgresql",
        }
    }

    /// Where it is, or why there is none that will do.
    pub(crate) async fn find(self, strict: bool) -> Result<Found, String> {
        let found = match self {
            Self::Redis => locate::redis(),
            Self::Postgres => locate::postgres(),
        };
        let found = found.map_err(|missing| missing.to_string())?;
        if self == Self::Redis && strict && !speaks_tls(&found.path).await {
            return Err(format!(
                "{found} was built without TLS, which --strict wants"
            ));
        }
        Ok(found)
    }
}

/// Asked to listen with TLS and nothing else, and given no certificate: a build that can misses the certificate, one
/// that cannot complains of something else. Neither starts.
async fn speaks_tls(program: &Path) -> bool {
    let output = Command::new(program)
        .args(["--port", "0", "--tls-port", "6379", "--save", ""])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(Duration::from_secs(5), output).await;
    output.is_ok_and(|output| output.is_ok_and(|output| mentions_certificate(&output.stdout)))
}

fn mentions_certificate(output: &[u8]) -> bool {
    String::from_utf8_lossy(output).contains("tls-cert-file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_with_tls_is_known_by_what_it_misses() {
        assert!(mentions_certificate(
            b"# No tls-cert-file configured!\n# Failed to configure TLS. Check logs for more info."
        ));
        assert!(!mentions_certificate(
            b"# Missing implement of connection type tls\n# Failed finding TLS support."
        ));
        assert!(!mentions_certificate(
            b"*** FATAL CONFIG FILE ERROR ***\nBad directive or wrong number of arguments"
        ));
    }
}
