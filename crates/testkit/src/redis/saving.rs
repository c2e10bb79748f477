use std::fs;

use super::RedisServer;
use super::server::START;
use crate::eventually;
use crate::resp::Client;

/// What a [`RedisServer`] held at some moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(super) bytes: Vec<u8>,
}

impl RedisServer {
    /// What it holds now, for [`restart_from`](Self::restart_from).
    ///
    /// # Panics
    /// If it cannot save.
    pub async fn snapshot(&self) -> Snapshot {
        let mut client = self.client().await;
        let reply = client.words("SAVE").await;
        assert!(!reply.is_error(), "SAVE: {reply:?}");
        let file = self.inner.dump();
        let bytes = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        // Else the next plain restart would load it.
        fs::remove_file(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Snapshot { bytes }
    }

    /// Saves fail from now on, and one has failed: there is a folder where the file should be. Redis then takes no writes
    /// (`MISCONF`).
    ///
    /// # Panics
    /// If the folder cannot be made, or the save does not fail.
    pub async fn break_saves(&self) {
        let folder = self.inner.dump();
        fs::create_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut client = self.client().await;
        // Only who saves by itself minds that it fails.
        client
            .command(&[b"CONFIG", b"SET", b"save", b"3600 1000000"])
            .await;
        saves(&mut client, "rdb_last_bgsave_status:err").await;
    }

    /// Saves succeed again, and one has.
    ///
    /// # Panics
    /// If it does not.
    pub async fn mend_saves(&self) {
        let file = self.inner.dump();
        fs::remove_dir(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut client = self.client().await;
        saves(&mut client, "rdb_last_bgsave_status:ok").await;
        client.command(&[b"CONFIG", b"SET", b"save", b""]).await;
        fs::remove_file(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

/// Saves, and waits for this outcome.
async fn saves(client: &mut Client, outcome: &str) {
    let reply = client.words("BGSAVE").await;
    assert!(!reply.is_error(), "BGSAVE: {reply:?}");
    eventually(START, async || {
        let info = client.words("INFO persistence").await;
        info.text().contains("rdb_bgsave_in_progress:0") && info.text().contains(outcome)
    })
    .await;
}
