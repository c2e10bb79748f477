use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Database, PostgresBuilder, install};
use crate::process::{Launch, Owner, Running, Sandbox};
use crate::{StartError, clock, locate, port};

const LOG: &str = "postgres.log";
const USER: &str = "postgres";

/// A start takes half a second, after a crash a little more; a busy machine gets its time.
const START: Duration = Duration::from_secs(60);

/// An immediate shutdown takes about 100 ms.
const STOP: Duration = Duration::from_secs(5);

/// How many ports are tried when others take them first.
const ATTEMPTS: usize = 5;

/// Nothing here must survive a power cut; but a commit that was acknowledged must survive a SIGKILL, so
/// `synchronous_commit` stays on. Dynamic shared memory in files of the data folder goes when that goes.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("max_connections", "200"),
    ("shared_buffers", "64MB"),
    ("dynamic_shared_memory_type", "mmap"),
];

/// A PostgreSQL server of our own, on a free port of 127.0.0.1 and a Unix socket in its folder; the superuser `postgres`
/// needs no password. Started by root it runs as another user, since it refuses to run as root. It ends when dropped,
/// and in any case with this process.
#[derive(Debug)]
pub struct PostgresServer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    // Before the sandbox: fields are dropped in this order, and the process must end before its folder goes.
    running: Mutex<Option<Running>>,
    sandbox: Sandbox,
    bin: PathBuf,
    settings: Vec<(String, String)>,
    address: Mutex<SocketAddr>,
}

impl PostgresServer {
    /// Starts one and waits until it answers: 2 to 5 s, most of it for making its files.
    ///
    /// # Panics
    /// If there is no PostgreSQL on this machine or it does not come up.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// For a server that is not like every other.
    #[must_use]
    pub fn builder() -> PostgresBuilder {
        PostgresBuilder::default()
    }

    pub(super) fn launch(builder: &PostgresBuilder) -> Result<Self, StartError> {
        let found = locate::postgres()?;
        let sandbox = Sandbox::new(Owner::unprivileged())?;
        let bin = install::programs(&sandbox, &found.path)?;
        let settings = SETTINGS
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings = settings.chain(builder.settings.iter().cloned()).collect();
        let address = Mutex::new(loopback());
        let inner = Inner {
            running: Mutex::new(None),
            sandbox,
            bin,
            settings,
            address,
        };
        inner.make_files()?;
        for _ in 0..ATTEMPTS {
            match inner.run() {
                Err(StartError::Failed(log)) if log.contains("Address already in use") => {
                    inner.take_another_port()
                }
                Err(error) => return Err(error),
                Ok(()) => {
                    return Ok(Self {
                        inner: Arc::new(inner),
                    });
                }
            }
        }
        Err(StartError::Failed(inner.sandbox.tail(LOG)))
    }

    /// `postgres://postgres@127.0.0.1:port/postgres`: the database that comes with the server.
    #[must_use]
    pub fn url(&self) -> String {
        self.inner.url()
    }

    /// Its TCP address: the same one after a restart.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.inner.address()
    }

    /// The folder of its Unix socket, for `?host=`.
    #[must_use]
    pub fn socket_folder(&self) -> &Path {
        self.inner.sandbox.path()
    }

    /// The process id of its postmaster.
    ///
    /// # Panics
    /// If it was [killed](Self::kill).
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.inner
            .running()
            .as_ref()
            .expect("killed and not restarted")
            .pid()
    }

    /// A database of one's own on it.
    ///
    /// # Panics
    /// If it cannot be made.
    pub async fn database(&self) -> Database {
        Database::on(&self.url()).await
    }

    /// SIGSTOP to the postmaster and all backends: connections stay open, new ones are accepted by the kernel, and
    /// nobody answers.
    pub fn pause(&self) {
        if let Some(running) = &*self.inner.running() {
            running.pause();
        }
    }

    /// SIGCONT to all of them.
    pub fn resume(&self) {
        if let Some(running) = &*self.inner.running() {
            running.resume();
        }
    }

    /// SIGKILL to the postmaster and all backends. When this returns all are gone and the port refuses connections.
    pub fn kill(&self) {
        *self.inner.running() = None;
    }

    /// Starts it again on the same port, after which it has recovered what was committed; kills it first if it runs.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn restart(&self) {
        self.kill();
        let inner = Arc::clone(&self.inner);
        let started = tokio::task::spawn_blocking(move || inner.run())
            .await
            .expect("the runtime runs this to its end");
        started.unwrap_or_else(|error| panic!("Postgres: {error}"));
    }
}

impl Inner {
    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn address(&self) -> SocketAddr {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_another_port(&self) {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = loopback();
    }

    fn url(&self) -> String {
        format!("postgres://{USER}@{}/postgres", self.address())
    }

    fn data(&self) -> PathBuf {
        self.sandbox.path().join("data")
    }

    fn make_files(&self) -> Result<(), StartError> {
        let mut args: Vec<OsString> = vec!["-D".into(), self.data().into()];
        let rest = [
            "-U",
            USER,
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        ];
        args.extend(rest.map(Into::into));
        let initdb = Launch {
            program: self.bin.join("initdb"),
            args,
            log: LOG,
        };
        if self.sandbox.launch(&initdb)?.ended()?.success() {
            Ok(())
        } else {
            Err(StartError::Failed(self.sandbox.tail(LOG)))
        }
    }

    fn run(&self) -> Result<(), StartError> {
        let mut args: Vec<OsString> = vec!["-D".into(), self.data().into()];
        args.extend(["-p".into(), self.address().port().to_string().into()]);
        args.extend(["-k".into(), self.sandbox.path().as_os_str().to_owned()]);
        for (name, value) in &self.settings {
            args.extend(["-c".into(), format!("{name}={value}").into()]);
        }
        let launch = Launch {
            program: self.bin.join("postgres"),
            args,
            log: LOG,
        };
        let mut running = self.sandbox.launch(&launch)?;
        let lock_file = self.data().join("postmaster.pid");
        let up = clock::poll(START, || match running.exited() {
            Ok(None) => {
                let file = fs::read_to_string(&lock_file).unwrap_or_default();
                is_ready(&file, running.pid()).then_some(true)
            }
            _ => Some(false),
        });
        if up != Some(true) {
            return Err(StartError::Failed(self.sandbox.tail(LOG)));
        }
        *self.running() = Some(running);
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // One that is asked cleans up its shared memory; one that is killed cannot.
        if let Some(running) = &mut *self.running() {
            running.quit(STOP);
        }
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port::free()))
}

/// True when the lock file says that this postmaster accepts connections. Not asked on the port, where somebody else might
/// answer who was faster. Line 1 is its pid (a crash leaves the file of an earlier one), line 8 its state:
/// `src/include/utils/pidfile.h`.
fn is_ready(lock_file: &str, pid: u32) -> bool {
    let mut lines = lock_file.lines();
    lines.next() == Some(pid.to_string().as_str())
        && lines.nth(6).is_some_and(|state| state.starts_with("ready"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_when_its_own_lock_file_says_so() {
        let file = |state| format!("42\n/data\n1\n20000\n/sockets\n127.0.0.1\n 100 4\n{state}\n");
        assert!(is_ready(&file("ready   "), 42));
        assert!(!is_ready(&file("ready   "), 43));
        assert!(!is_ready(&file("starting"), 42));
        assert!(!is_ready("42\n", 42));
    }
}
