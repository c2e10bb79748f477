use std::io::{BufRead, Write, stdin, stdout};
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Set in a re-executed process.
pub(super) const ROLE: &str = "TOWER_KEEP_REEXECUTED";

/// What a line for the other process starts with, amid all that a test prints.
pub(super) const MARK: &str = "@keep ";

/// The process that re-executed this one.
#[derive(Debug)]
pub struct Parent {
    lines: UnboundedReceiver<String>,
}

/// In a process made by [`reexec`](super::reexec): the one that made it. `None` elsewhere, where the test that plays the
/// second part has nothing to do. To be called once.
///
/// From here on this process ends when the other one does.
#[must_use]
pub fn parent() -> Option<Parent> {
    static TAKEN: Mutex<bool> = Mutex::new(false);
    std::env::var_os(ROLE)?;
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if std::mem::replace(&mut *taken, true) {
        return None;
    }
    let (sender, lines) = unbounded_channel();
    std::thread::spawn(move || {
        for line in stdin().lock().lines() {
            let Ok(line) = line else { break };
            // A parent that nobody listens to any more still has an end to be noticed.
            let _ = sender.send(line);
        }
        std::process::exit(1);
    });
    Some(Parent { lines })
}

impl Parent {
    /// Says a line to it, for [`Peer::heard`](super::Peer::heard).
    pub fn say(&self, line: &str) {
        let mut stdout = stdout().lock();
        // On a line of its own: the test runner may have printed half of one.
        let written = write!(stdout, "\n{MARK}{line}\n").and_then(|()| stdout.flush());
        if written.is_err() {
            std::process::exit(1);
        }
    }

    /// The next line that it says with [`Peer::tell`](super::Peer::tell).
    pub async fn hear(&mut self) -> String {
        match self.lines.recv().await {
            Some(line) => line,
            // It has ended, and so will this process, now.
            None => std::future::pending().await,
        }
    }
}
