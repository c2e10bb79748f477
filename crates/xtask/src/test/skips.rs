//! Tests that could not run on these servers. Each adds a line `name: why` to a file; the run counts them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tokio::process::Command;

/// The file of one run.
#[derive(Debug)]
pub(super) struct Skips {
    file: PathBuf,
}

impl Skips {
    /// Starts with none, in `folder`.
    pub(super) fn begin(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let file = folder.join(format!("skips-{}", std::process::id()));
        fs::write(&file, "")?;
        Ok(Self { file })
    }

    /// Tells tests where the file is, and whether a skip is a failure.
    pub(super) fn tell(&self, command: &mut Command, strict: bool) {
        command.env(testkit::SKIPS, &self.file);
        command.env(testkit::STRICT, if strict { "1" } else { "0" });
    }

    /// What was skipped so far and why, each once.
    pub(super) fn read(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        let mut lines: Vec<String> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(Into::into)
            .collect();
        lines.sort();
        lines.dedup();
        lines
    }
}

impl Drop for Skips {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}
