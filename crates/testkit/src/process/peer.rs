use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::hosts;
use super::parent::{MARK, ROLE};

/// Longer than a second process needs to start servers and play its part.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs one test of this test binary in a process of its own: the way to two processes that needs no second binary, with
/// `cargo test` as with other runners.
///
/// `test` is the test's full name. It plays the second part: it starts with [`parent`](super::parent()), and returns at
/// once if that is `None`.
///
/// # Panics
/// If this program cannot be run again.
#[must_use]
pub fn reexec(test: &str, environment: &[(&str, &str)]) -> Peer {
    spawn(test, environment, Command::new(ourselves()))
}

/// As [`reexec`], with a file of its own for `/etc/hosts`: what is written to it is what names mean to that process, and
/// to no other. Needs [`Capability::OwnHosts`](crate::Capability::OwnHosts).
///
/// # Panics
/// If this program cannot be run again.
#[must_use]
pub fn reexec_with_hosts(test: &str, environment: &[(&str, &str)], hosts: &Path) -> Peer {
    let mut command = hosts::private(hosts);
    command.arg(ourselves());
    spawn(test, environment, command)
}

fn ourselves() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|error| panic!("this program's path: {error}"))
}

fn spawn(test: &str, environment: &[(&str, &str)], mut command: Command) -> Peer {
    let mut child = command
        .args([
            test,
            "--exact",
            "--include-ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(ROLE, "1")
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{test}: {error}"));
    let printed = Arc::new(Mutex::new(String::new()));
    let (sender, lines) = unbounded_channel();
    let stdout = child
        .stdout
        .take()
        .map(|stream| listen(stream, Arc::clone(&printed), Some(sender)));
    let stderr = child
        .stderr
        .take()
        .map(|stream| listen(stream, Arc::clone(&printed), None));
    let listeners = stdout.into_iter().chain(stderr).collect();
    Peer {
        test: test.to_owned(),
        child,
        lines,
        printed,
        listeners,
    }
}

/// A second process that runs one test. Killed when dropped.
#[derive(Debug)]
pub struct Peer {
    test: String,
    child: Child,
    lines: UnboundedReceiver<String>,
    printed: Arc<Mutex<String>>,
    listeners: Vec<JoinHandle<()>>,
}

impl Peer {
    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has [said](super::Parent::say) a line that starts with `word`, and returns the rest of the line.
    /// Lines that start otherwise are passed over.
    ///
    /// # Panics
    /// If it ends before, or 60 s pass.
    pub async fn heard(&mut self, word: &str) -> String {
        let listening = async {
            while let Some(line) = self.lines.recv().await {
                if let Some(rest) = line.strip_prefix(word) {
                    return Some(rest.trim_start().to_owned());
                }
            }
            None
        };
        match timeout(PATIENCE, listening).await {
            Ok(Some(rest)) => rest,
            Ok(None) => panic!(
                "{} ended and never said {word}:\n{}",
                self.test,
                self.printed()
            ),
            Err(_) => panic!(
                "{} has not said {word} within {PATIENCE:?}:\n{}",
                self.test,
                self.printed()
            ),
        }
    }

    /// Says a line to it, for [`Parent::hear`](super::Parent::hear).
    ///
    /// # Panics
    /// If it has ended.
    pub fn tell(&mut self, line: &str) {
        let stdin = self
            .child
            .stdin
            .as_mut()
            .expect("taken by `finish` only, which consumes the peer");
        writeln!(stdin, "{line}")
            .unwrap_or_else(|error| panic!("{}: {error}:\n{}", self.test, self.printed()));
    }

    /// SIGSTOP: it holds what it holds and does nothing.
    pub fn pause(&self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::STOP);
    }

    /// SIGCONT.
    pub fn resume(&self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::CONT);
    }

    /// SIGKILL; returns when it is gone. Nothing of it runs to its end, no destructor and no shutdown.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until its test has passed.
    ///
    /// # Panics
    /// If the test fails, does not exist, or does not end within 60 s.
    pub async fn finish(mut self) {
        // Its output ends when it does.
        let ended = timeout(PATIENCE, async {
            while self.lines.recv().await.is_some() {}
        })
        .await;
        assert!(
            ended.is_ok(),
            "{} has not ended within {PATIENCE:?}:\n{}",
            self.test,
            self.printed()
        );
        let passed = self.child.wait().as_ref().is_ok_and(ExitStatus::success);
        for listener in self.listeners.drain(..) {
            let _ = listener.join();
        }
        let printed = self.printed();
        assert!(passed, "{} failed:\n{printed}", self.test);
        assert!(
            !printed.contains("running 0 tests"),
            "there is no test {}",
            self.test
        );
    }

    /// What it has printed so far, both streams.
    #[must_use]
    pub fn printed(&self) -> String {
        self.printed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A thread, not a task: it must go on while a test blocks its runtime.
fn listen(
    stream: impl Read + Send + 'static,
    printed: Arc<Mutex<String>>,
    said: Option<UnboundedSender<String>>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { break };
            {
                let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
                printed.push_str(&line);
                printed.push('\n');
            }
            if let (Some(said), Some(line)) = (&said, line.strip_prefix(MARK)) {
                let _ = said.send(line.to_owned());
            }
        }
    })
}
