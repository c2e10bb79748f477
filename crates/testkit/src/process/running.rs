use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::clock;

/// A process of a [`Sandbox`](super::Sandbox) and the children that it has made. Killed when dropped.
///
/// Signals go to the children too: a Postgres is a family of processes, and only a family that is stopped or killed as
/// a whole shows what its clients see then.
#[derive(Debug)]
pub struct Running {
    child: Child,
    pid: Pid,
    pid_file: PathBuf,
}

impl Running {
    pub(super) fn new(child: Child, pid_file: PathBuf) -> Self {
        let pid = Pid::from_child(&child);
        Self {
            child,
            pid,
            pid_file,
        }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has ended.
    ///
    /// # Errors
    /// Those of `wait`.
    pub fn exited(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Waits for its end, for a program that has one.
    ///
    /// # Errors
    /// Those of `wait`.
    pub fn ended(mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }

    /// SIGQUIT, with SIGCONT if it was paused: the signal by which a Postgres ends at once but in order. True if it has
    /// ended within `limit`.
    pub fn quit(&mut self, limit: Duration) -> bool {
        let _ = kill_process(self.pid, Signal::QUIT);
        self.resume();
        clock::poll(limit, || self.exited().transpose()).is_some()
    }

    /// SIGTERM, which asks it to end in order; returns at once.
    pub fn terminate(&self) {
        let _ = kill_process(self.pid, Signal::TERM);
    }

    /// SIGSTOP: it keeps its sockets and connections, and answers nobody. Returns when it has stopped.
    pub fn pause(&self) {
        self.each(Signal::STOP);
        let family = self.family();
        clock::poll(Duration::from_secs(5), || {
            family.iter().all(|pid| !runs(*pid)).then_some(())
        });
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.each(Signal::CONT);
    }

    /// SIGKILL; returns when the family is gone.
    pub fn kill(&mut self) {
        // What was waited for has no pid any more: it may be another's by now.
        let family = match self.child.try_wait() {
            Ok(None) => self.family_at_rest(),
            _ => Vec::new(),
        };
        for pid in &family {
            let _ = kill_process(*pid, Signal::KILL);
        }
        let _ = self.child.wait();
        clock::poll(Duration::from_secs(5), || {
            family.iter().all(|pid| is_gone(*pid)).then_some(())
        });
        let _ = fs::remove_file(&self.pid_file);
    }

    fn each(&self, signal: Signal) {
        // The parent first: what it has not stopped by then, it may still fork.
        let _ = kill_process(self.pid, signal);
        for pid in self.family() {
            let _ = kill_process(pid, signal);
        }
    }

    /// Stopped first, so that it makes no more children while they are counted.
    fn family_at_rest(&self) -> Vec<Pid> {
        let _ = kill_process(self.pid, Signal::STOP);
        self.family()
    }

    fn family(&self) -> Vec<Pid> {
        let mut family = children(self.pid);
        family.push(self.pid);
        family
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// True while there is such a process, a stopped one included. One that has ended but was not yet waited for by its
/// parent holds nothing any more and does not count.
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .is_some_and(|pid| !is_gone(pid))
}

/// True while the process could do something: it is neither stopped nor gone. Where there is no /proc, a signal that
/// was sent is taken as delivered.
fn runs(pid: Pid) -> bool {
    state(pid).is_some_and(|state| !matches!(state, 'T' | 't' | 'Z' | 'X'))
}

fn is_gone(pid: Pid) -> bool {
    rustix::process::test_kill_process(pid).is_err() || matches!(state(pid), Some('Z' | 'X'))
}

fn state(pid: Pid) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    state_and_parent(&stat).map(|(state, _)| state)
}

/// The third and fourth field of /proc/pid/stat. The second one is the program's name in brackets, which may hold
/// blanks and brackets: proc(5).
fn state_and_parent(stat: &str) -> Option<(char, i32)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.next()?.parse().ok()?))
}

fn children(parent: Pid) -> Vec<Pid> {
    let parent = parent.as_raw_nonzero().get();
    let pairs = fs::read_dir("/proc").map_or_else(
        |_| listed_by_ps(),
        |folders| {
            folders
                .flatten()
                .filter_map(|folder| {
                    let pid = folder.file_name().to_str()?.parse().ok()?;
                    let stat = fs::read_to_string(folder.path().join("stat")).ok()?;
                    Some((pid, state_and_parent(&stat)?.1))
                })
                .collect()
        },
    );
    pairs
        .into_iter()
        .filter(|(_, of)| *of == parent)
        .filter_map(|(pid, _)| Pid::from_raw(pid))
        .collect()
}

fn listed_by_ps() -> Vec<(i32, i32)> {
    let Ok(output) = Command::new("ps")
        .args(["-A", "-o", "pid=", "-o", "ppid="])
        .output()
    else {
        return Vec::new();
    };
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        assert_eq!(state_and_parent("42 (a) b (c) S 7 42 42 0"), Some(('S', 7)));
        assert_eq!(state_and_parent("42"), None);
    }

    #[test]
    fn a_child_is_found_by_its_parent() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let found = children(rustix::process::getpid());
        assert!(found.contains(&Pid::from_child(&child)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
