use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Owner, Running};

const REAPER: &str = include_str!("reaper.sh");
const LAUNCH: &str = include_str!("launch.sh");

/// A temporary folder and the processes that live in it. All of it ends with the sandbox, and at the latest with the
/// process that made it, even if that one is killed and even if the sandbox is in a `static`.
///
/// A second process, the reaper, sees to that: its standard input is a pipe whose other end only we hold, so the kernel
/// tells it of our end, whatever that end was. It then kills what runs in the sandbox and removes the folder. It stands
/// in a process group of its own, so that a Ctrl-C or a test runner that kills its group does not reach it.
#[derive(Debug)]
pub struct Sandbox {
    path: PathBuf,
    owner: Option<Owner>,
    reaper: Child,
    launched: AtomicU32,
}

/// A program to run in a [`Sandbox`].
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The file in the sandbox that gets what it prints, after what is there already.
    pub log: &'static str,
}

impl Sandbox {
    /// Makes the folder, in the system's place for temporary files, and starts the reaper. Programs will run as
    /// `owner`, who gets the folder; `None` is ourselves.
    ///
    /// # Errors
    /// If the folder cannot be made or `sh` cannot be run.
    pub fn new(owner: Option<Owner>) -> io::Result<Self> {
        // Named shortly: the path of a socket in it has 103 characters at most on macOS, 107 on Linux.
        let folder = tempfile::Builder::new()
            .prefix("keep-")
            .tempdir_in(place_for(owner))?;
        let run = folder.path().join("run");
        fs::create_dir(&run)?;
        if let Some(owner) = owner {
            owner.take(folder.path())?;
            owner.take(&run)?;
        }
        let reaper = Command::new("sh")
            .args(["-c", REAPER, "reaper"])
            .arg(folder.path())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        // From here on the reaper removes it.
        Ok(Self {
            path: folder.keep(),
            owner,
            reaper,
            launched: AtomicU32::new(0),
        })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Who programs run as, where that is not ourselves.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        self.owner
    }

    /// Starts a program in the folder, with nothing to read.
    ///
    /// # Errors
    /// If `sh` or the log cannot be opened. A program that cannot be run says so in its log and ends with 126 or 127.
    pub fn launch(&self, launch: &Launch) -> io::Result<Running> {
        let number = self.launched.fetch_add(1, Ordering::Relaxed);
        let pid_file = self.path.join("run").join(format!("{number}.pid"));
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path.join(launch.log))?;
        let mut command = Command::new("sh");
        command
            .args(["-c", LAUNCH, "launch"])
            .arg(&pid_file)
            .arg(&launch.program)
            .args(&launch.args)
            .current_dir(&self.path)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        if let Some(owner) = self.owner {
            owner.apply(&mut command);
        }
        Ok(Running::new(command.spawn()?, pid_file))
    }

    /// The last lines of a log, for an error message.
    #[must_use]
    pub fn tail(&self, log: &str) -> String {
        let text = fs::read(self.path.join(log)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.reaper.stdin.take());
        let _ = self.reaper.wait();
    }
}

/// The system's place for temporary files, unless `owner` may not pass through it (root's own TMPDIR): then /tmp.
fn place_for(owner: Option<Owner>) -> PathBuf {
    let place = std::env::temp_dir();
    let open = |folder: &Path| {
        fs::metadata(folder).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0)
    };
    if owner.is_some() && !place.ancestors().all(open) {
        PathBuf::from("/tmp")
    } else {
        place
    }
}
