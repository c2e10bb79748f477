//! Programs that we run.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{self, AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep_until, timeout};

use crate::failure::{Doing, Failure, Outcome};

/// Between asking a program to end and ending it.
const GRACE: Duration = Duration::from_secs(10);

/// Of what a failed program printed.
const LAST_LINES: usize = 10;

/// Kills a process group when its own standard input closes, which our end does, whatever that end is.
const LEASH: &str = r#"read -r _; kill -KILL -- -"$1""#;

/// Runs a program to its end and passes its output on, each line of which `on_line` sees. With everything that it
/// started it is ended by a Ctrl-C or SIGTERM of ours, by our own death, and when `limit` is over.
pub(crate) async fn run_watched(
    mut command: Command,
    limit: Duration,
    mut on_line: impl FnMut(&str),
) -> Outcome<ExitStatus> {
    let mut deadline = Instant::now() + limit;
    let mut interrupt = signal(SignalKind::interrupt()).doing("cannot watch for signals")?;
    let mut terminate = signal(SignalKind::terminate()).doing("cannot watch for signals")?;
    let program = command
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command
        .spawn()
        .doing(format_args!("cannot run {program}"))?;
    let group = group_of(&child)?;
    let mut leash = leash(group)?;

    let mut out = lines(child.stdout.take());
    let mut err = lines(child.stderr.take());
    let (mut out_line, mut err_line) = (Vec::new(), Vec::new());
    let (mut out_open, mut err_open) = (true, true);
    let mut ended: Option<String> = None;
    while out_open || err_open {
        let reason = tokio::select! {
            read = out.read_until(b'\n', &mut out_line), if out_open => {
                out_open = read.is_ok_and(|read| read > 0);
                on_line(&String::from_utf8_lossy(&out_line));
                pass_on(io::stdout(), &mut out_line).await;
                continue;
            }
            read = err.read_until(b'\n', &mut err_line), if err_open => {
                err_open = read.is_ok_and(|read| read > 0);
                on_line(&String::from_utf8_lossy(&err_line));
                pass_on(io::stderr(), &mut err_line).await;
                continue;
            }
            _ = interrupt.recv() => "interrupted".to_owned(),
            _ = terminate.recv() => "told to end".to_owned(),
            () = sleep_until(deadline) => format!("{program} ran longer than {limit:?}"),
        };
        if ended.is_some() {
            break;
        }
        // It may still say how far it came.
        let _ = kill_process_group(group, Signal::TERM);
        deadline = Instant::now() + GRACE;
        ended = Some(reason);
    }
    let status = timeout(GRACE, child.wait()).await;
    if ended.is_some() || status.is_err() {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = leash.start_kill();
    let _ = leash.wait().await;
    match (ended, status) {
        (Some(reason), _) => Err(Failure::new(reason)),
        (None, Ok(status)) => status.doing(format_args!("cannot wait for {program}")),
        (None, Err(_)) => Err(Failure::new(format!(
            "{program} closed its output and did not end"
        ))),
    }
}

/// Runs a program to its end with our own terminal; its failure is ours.
pub(crate) async fn run(command: &mut Command) -> Outcome {
    let line = line_of(command);
    let status = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await;
    let status = status.doing(format_args!("cannot run {line}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("{line} failed: {status}")))
    }
}

/// Runs a program to its end and keeps what it prints to itself, unless it fails: then its last lines are the failure.
pub(crate) async fn run_quietly(command: &mut Command) -> Outcome {
    let line = line_of(command);
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await;
    let output = output.doing(format_args!("cannot run {line}"))?;
    if output.status.success() {
        return Ok(());
    }
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    let lines: Vec<&str> = printed.lines().collect();
    let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
    Err(Failure::new(format!("{}:\n{last}", output.status)))
}

/// What a program prints, if it succeeds.
pub(crate) async fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A command as it would be typed.
pub(crate) fn line_of(command: &Command) -> String {
    let command = command.as_std();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

fn group_of(child: &Child) -> Outcome<Pid> {
    let id = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    id.ok_or_else(|| Failure::new("a program ended before it began"))
}

fn leash(group: Pid) -> Outcome<Child> {
    Command::new("sh")
        .args(["-c", LEASH, "leash", &group.as_raw_nonzero().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .doing("cannot run sh")
}

fn lines(
    stream: Option<impl AsyncRead + Unpin + Send + 'static>,
) -> BufReader<Box<dyn AsyncRead + Unpin + Send>> {
    let stream: Box<dyn AsyncRead + Unpin + Send> = match stream {
        Some(stream) => Box::new(stream),
        None => Box::new(io::empty()),
    };
    BufReader::new(stream)
}

/// Nobody reading our output is no reason to end a test run.
async fn pass_on(mut stream: impl AsyncWrite + Unpin, line: &mut Vec<u8>) {
    let _ = stream.write_all(line).await;
    let _ = stream.flush().await;
    line.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn every_line_is_seen_and_the_status_is_told() {
        let mut seen = Vec::new();
        let status = run_watched(
            sh("echo one; echo two >&2; printf three; exit 3"),
            Duration::from_secs(60),
            |line| {
                seen.push(line.trim().to_owned());
            },
        );
        assert_eq!(status.await.unwrap().code(), Some(3));
        seen.retain(|line| !line.is_empty());
        seen.sort();
        assert_eq!(seen, ["one", "three", "two"]);
    }

    #[tokio::test]
    async fn who_is_to_be_quiet_is_heard_when_it_fails() {
        assert!(run_quietly(&mut sh("echo fine")).await.is_ok());
        let failure = run_quietly(&mut sh("echo no space left >&2; exit 1"))
            .await
            .unwrap_err();
        assert!(failure.to_string().contains("no space left"));
    }

    #[tokio::test]
    async fn what_runs_too_long_is_ended_with_its_children() {
        let mut pids = Vec::new();
        let script = "sleep 600 & echo $!; echo $$; wait";
        let ended = run_watched(sh(script), Duration::from_millis(500), |line| {
            pids.extend(line.trim().parse::<i32>())
        });
        assert!(
            ended
                .await
                .unwrap_err()
                .to_string()
                .contains("longer than 500ms")
        );
        assert_eq!(pids.len(), 2);
        for pid in pids {
            let pid = Pid::from_raw(pid).unwrap();
            testkit::eventually(Duration::from_secs(10), || async { !is_running(pid) }).await;
        }
    }

    /// A zombie whose parent has not looked yet does nothing any more.
    fn is_running(pid: Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }
}
