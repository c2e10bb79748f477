use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use super::builder::Kind;
use super::{RedisBuilder, Snapshot};
use crate::StartError;
use crate::locate::{self, Version};
use crate::process::{Launch, Running, Sandbox};
use crate::resp::Client;
use crate::url::encoded;
use crate::{clock, eventually, port};

const LOG: &str = "redis.log";

/// Where a sentinel keeps what it knows.
const STATE: &str = "sentinel.conf";

/// A start takes 20 to 150 ms; a machine that does other things at the same time gets its time.
pub(super) const START: Duration = Duration::from_secs(20);

/// How many ports are tried when others take them first.
const ATTEMPTS: usize = 5;

/// A Redis (or Valkey) server of our own, on a free port of 127.0.0.1 and on a Unix socket; it writes nothing to disk.
/// It ends when dropped, and in any case with this process.
#[derive(Debug)]
pub struct RedisServer {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    // Before the sandbox: fields are dropped in this order, and the process must end before its folder goes.
    running: Mutex<Option<Running>>,
    sandbox: Sandbox,
    program: PathBuf,
    args: Vec<OsString>,
    address: SocketAddr,
    password: Option<String>,
    unix_socket: bool,
    #[cfg(feature = "tls")]
    tls_address: Option<SocketAddr>,
}

impl RedisServer {
    /// Starts one and waits until it answers.
    ///
    /// # Panics
    /// If there is no Redis on this machine or it does not come up.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Starts one that follows `master`, and waits until it has what that one has.
    ///
    /// # Panics
    /// If there is no Redis on this machine or it does not come up.
    pub async fn replica_of(master: &Self) -> Self {
        let address = master.address();
        let mut builder =
            Self::builder()
                .arg("--replicaof")
                .arg(format!("{} {}", address.ip(), address.port()));
        if let Some(password) = &master.inner.password {
            builder = builder
                .password(password)
                .arg("--masterauth")
                .arg(password.clone());
        }
        let replica = builder.start().await;
        replica.follows().await;
        replica
    }

    /// Waits until this replica has what its master has.
    pub(super) async fn follows(&self) {
        let mut client = self.client().await;
        eventually(START, async || {
            let info = client.words("INFO replication").await;
            info.text().contains("master_link_status:up")
        })
        .await;
    }

    /// For a server that is not like every other.
    #[must_use]
    pub fn builder() -> RedisBuilder {
        RedisBuilder::default()
    }

    pub(super) fn launch(builder: &RedisBuilder) -> Result<Self, StartError> {
        let found = locate::redis()?;
        let mut failure = String::new();
        for _ in 0..ATTEMPTS {
            let inner = Inner::new(builder, found.path.clone(), found.version)?;
            match inner.run() {
                Ok(()) => {
                    return Ok(Self {
                        inner: Arc::new(inner),
                    });
                }
                Err(StartError::Failed(log)) if log.contains("Address already in use") => {
                    failure = log
                }
                Err(error) => return Err(error),
            }
        }
        Err(StartError::Failed(failure))
    }

    /// `redis://127.0.0.1:port`, or [`unix_url`](Self::unix_url) if the builder said so.
    #[must_use]
    pub fn url(&self) -> String {
        if self.inner.unix_socket {
            return self.unix_url();
        }
        let user = self
            .inner
            .password
            .as_ref()
            .map_or_else(String::new, |password| format!(":{}@", encoded(password)));
        format!("redis://{user}{}", self.inner.address)
    }

    /// `rediss://127.0.0.1:port`.
    ///
    /// # Panics
    /// If it has no port with TLS.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_url(&self) -> String {
        let user = self
            .inner
            .password
            .as_ref()
            .map_or_else(String::new, |password| format!(":{}@", encoded(password)));
        format!("rediss://{user}{}", self.tls_address())
    }

    /// The address of its port with TLS: the same one after a restart.
    ///
    /// # Panics
    /// If it has none.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_address(&self) -> SocketAddr {
        self.inner.tls_address.expect("started without TLS")
    }

    /// Where other servers are to reach it: with TLS if it has that.
    pub(super) fn peer_address(&self) -> SocketAddr {
        #[cfg(feature = "tls")]
        if let Some(address) = self.inner.tls_address {
            return address;
        }
        self.address()
    }

    /// `redis+unix:///path`. With a password a host stands before the path, because a URL cannot have a user without.
    #[must_use]
    pub fn unix_url(&self) -> String {
        let user = self
            .inner
            .password
            .as_ref()
            .map_or_else(String::new, |password| {
                format!(":{}@localhost", encoded(password))
            });
        format!("redis+unix://{user}{}", self.inner.socket().display())
    }

    /// Its TCP address: the same one after a restart.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    /// Its process id.
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

    /// A connection to it.
    ///
    /// # Panics
    /// If it cannot be had.
    pub async fn client(&self) -> Client {
        let url = self.url();
        Client::connect(&url)
            .await
            .unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    /// A connection, if it answers on it within a second: it may be killed or paused.
    pub(super) async fn responsive(&self) -> Option<Client> {
        let greeted = async {
            let mut client = Client::connect(&self.url()).await.ok()?;
            client.try_command(&[b"PING"]).await.ok()?;
            Some(client)
        };
        timeout(Duration::from_secs(1), greeted).await.ok()?
    }

    /// SIGSTOP: connections stay open and new ones are accepted by the kernel, but nobody answers.
    pub fn pause(&self) {
        if let Some(running) = &*self.inner.running() {
            running.pause();
        }
    }

    /// SIGCONT: what was sent meanwhile is executed now.
    pub fn resume(&self) {
        if let Some(running) = &*self.inner.running() {
            running.resume();
        }
    }

    /// SIGKILL. When this returns the process is gone and its port refuses connections.
    pub fn kill(&self) {
        *self.inner.running() = None;
    }

    /// Starts it again on the same port, empty; kills it first if it runs.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn restart(&self) {
        self.start_again(None).await;
    }

    /// As [`restart`](Self::restart), but it holds what it held then: a server restored from a backup, or the replica
    /// that takes over and had not heard the rest.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn restart_from(&self, snapshot: &Snapshot) {
        self.start_again(Some(snapshot.bytes.clone())).await;
    }

    async fn start_again(&self, dump: Option<Vec<u8>>) {
        let inner = Arc::clone(&self.inner);
        in_the_background(move || inner.run_again(dump)).await;
    }
}

/// # Panics
/// If it fails.
pub(super) async fn in_the_background(
    run: impl FnOnce() -> Result<(), StartError> + Send + 'static,
) {
    let ran = tokio::task::spawn_blocking(run).await;
    let ran = ran.expect("the runtime runs this to its end");
    ran.unwrap_or_else(|error| panic!("Redis: {error}"));
}

impl Inner {
    fn new(builder: &RedisBuilder, program: PathBuf, version: Version) -> io::Result<Self> {
        let sandbox = Sandbox::new(None)?;
        let port = match builder.kind {
            Kind::ClusterNode => port::free_with_bus(),
            Kind::Server | Kind::Sentinel => port::free(),
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let socket = sandbox.path().join("redis.sock");
        let mut args: Vec<OsString> = Vec::new();
        if builder.kind == Kind::Sentinel {
            fs::write(sandbox.path().join(STATE), "")?;
            args.push(STATE.into());
        }
        args.extend(["--port".into(), port.to_string().into()]);
        args.extend(["--unixsocket".into(), socket.into_os_string()]);
        args.extend(
            [
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                // What a replica got from its master is not what it comes back with.
                "--rdb-del-sync-files",
                "yes",
                "--repl-diskless-sync-delay",
                "0",
                "--daemonize",
                "no",
            ]
            .map(Into::into),
        );
        if version >= Version::new(7, 0) {
            // DEBUG SLEEP and friends; older ones allow them anyway.
            args.extend(["--enable-debug-command", "local"].map(Into::into));
        }
        if let Some(password) = &builder.password {
            args.extend(["--requirepass".into(), password.into()]);
        }
        #[cfg(feature = "tls")]
        let tls_address = match &builder.tls {
            Some(tls) => Some(tls.prepare(builder.kind, &sandbox, &mut args)?),
            None => None,
        };
        args.extend(builder.args.iter().cloned());
        if builder.kind == Kind::Sentinel {
            args.push("--sentinel".into());
        }
        let password = builder.password.clone();
        let unix_socket = builder.unix_socket;
        Ok(Self {
            running: Mutex::new(None),
            sandbox,
            program,
            args,
            address,
            password,
            unix_socket,
            #[cfg(feature = "tls")]
            tls_address,
        })
    }

    pub(super) fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.sandbox.path().join("redis.sock")
    }

    /// The file that it saves to, and loads when it starts.
    pub(super) fn dump(&self) -> PathBuf {
        self.sandbox.path().join("dump.rdb")
    }

    fn run_again(&self, dump: Option<Vec<u8>>) -> Result<(), StartError> {
        *self.running() = None;
        match dump {
            None => {
                // One that was still being loaded.
                let _ = fs::remove_file(self.dump());
                self.run()
            }
            Some(bytes) => {
                fs::write(self.dump(), bytes)?;
                let result = self.run();
                fs::remove_file(self.dump())?;
                result
            }
        }
    }

    fn run(&self) -> Result<(), StartError> {
        self.run_with(&[], answers)
    }

    /// Starts it with more arguments, and waits until it is so on its socket.
    pub(super) fn run_with(
        &self,
        more: &[&str],
        is_up: impl Fn(&Path) -> bool,
    ) -> Result<(), StartError> {
        let mut args = self.args.clone();
        args.extend(more.iter().map(Into::into));
        let launch = Launch {
            program: self.program.clone(),
            args,
            log: LOG,
        };
        let mut running = self.sandbox.launch(&launch)?;
        let up = clock::poll(START, || match running.exited() {
            Ok(None) => is_up(&self.socket()).then_some(true),
            _ => Some(false),
        });
        if up != Some(true) {
            return Err(StartError::Failed(self.sandbox.tail(LOG)));
        }
        *self.running() = Some(running);
        Ok(())
    }
}

/// True when it is ready for commands, or for a password. Asked on its own socket, which it makes after its port: on the
/// port, somebody else might answer who was faster.
fn answers(socket: &Path) -> bool {
    let ready = |line: String| line.starts_with("+PONG") || line.starts_with("-NOAUTH");
    greeting(socket).is_ok_and(ready)
}

/// What it says to a PING.
pub(super) fn greeting(socket: &Path) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"PING\r\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line)
}
