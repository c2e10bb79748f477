use std::fs;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::server::{greeting, in_the_background};
use super::{RedisServer, Snapshot};

/// What a server tells its clients while it loads its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it answers or it does not")]
pub enum Loading {
    /// `LOADING`: it looks at its connections after each KiB.
    Told,
    /// Nothing, until all is loaded.
    Silent,
}

/// With what [`Loading::Told`] works: after so many bytes it looks at its connections.
const OFTEN: &str = "1024";
const NEVER: &str = "2147483647";

/// For each key, µs.
const DELAY: &str = "1000";

impl RedisServer {
    /// As [`restart_from`](Self::restart_from), but returns as soon as it loads, which takes more than a millisecond for
    /// each key.
    ///
    /// # Panics
    /// If it ends.
    pub async fn restart_loading(&self, snapshot: &Snapshot, loading: Loading) {
        self.kill();
        let (inner, dump) = (Arc::clone(&self.inner), snapshot.bytes.clone());
        in_the_background(move || {
            fs::write(inner.dump(), dump)?;
            let look = match loading {
                Loading::Told => OFTEN,
                Loading::Silent => NEVER,
            };
            let args = [
                "--key-load-delay",
                DELAY,
                "--loading-process-events-interval-bytes",
                look,
            ];
            inner.run_with(&args, |socket| match loading {
                Loading::Told => greeting(socket).is_ok_and(|line| line.starts_with("-LOADING")),
                Loading::Silent => UnixStream::connect(socket).is_ok(),
            })
        })
        .await;
    }

    /// Loads the rest without delay, after [`restart_loading`](Self::restart_loading) with [`Loading::Told`].
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn load_on(&self) {
        let reply = self
            .client()
            .await
            .words("CONFIG SET key-load-delay 0")
            .await;
        assert!(!reply.is_error(), "CONFIG SET: {reply:?}");
    }
}
