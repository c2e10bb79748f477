//! The programs that run tests.

use tokio::process::Command;

use super::tally::Tally;
use crate::child;
use crate::workspace;

/// cargo-nextest where it is installed, for it runs test binaries side by side and ends tests that hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runner {
    Nextest,
    Cargo,
}

impl Runner {
    pub(super) async fn choose() -> Self {
        let cargo = workspace::cargo();
        match child::output(&cargo.to_string_lossy(), &["nextest", "--version"]).await {
            Some(_) => Self::Nextest,
            None => Self::Cargo,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nextest => "cargo nextest",
            Self::Cargo => "cargo test",
        }
    }

    /// What a line of the output of [`tests`](Self::tests) counts.
    pub(super) fn tally(self, line: &str) -> Tally {
        match self {
            Self::Nextest => Tally::of_nextest(line),
            Self::Cargo => Tally::of_cargo(line),
        }
    }

    /// Builds every test, so that building is not counted as testing.
    pub(super) fn build(self) -> Command {
        cargo(match self {
            Self::Nextest => &[
                "nextest",
                "run",
                "--workspace",
                "--all-features",
                "--no-run",
            ],
            Self::Cargo => &[
                "test",
                "--workspace",
                "--all-features",
                "--all-targets",
                "--no-run",
            ],
        })
    }

    /// Everything but the examples in the documentation. A filter that finds nothing here may find something there.
    pub(super) fn tests(self, filters: &[String]) -> Command {
        let mut command = match self {
            Self::Nextest => cargo(&[
                "nextest",
                "run",
                "--workspace",
                "--all-features",
                "--no-fail-fast",
                "--no-tests=pass",
                "--",
            ]),
            Self::Cargo => cargo(&[
                "test",
                "--workspace",
                "--all-features",
                "--lib",
                "--bins",
                "--tests",
                "--examples",
                "--no-fail-fast",
                "--",
            ]),
        };
        command.args(filters);
        command
    }

    /// The examples in the documentation, which only cargo test can run.
    pub(super) fn doctests(self, filters: &[String]) -> Command {
        let mut command = cargo(&[
            "test",
            "--workspace",
            "--all-features",
            "--doc",
            "--no-fail-fast",
            "--",
        ]);
        command.args(filters);
        command
    }
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(workspace::cargo());
    command.args(arguments).current_dir(workspace::root());
    if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        // Their output is a pipe of ours, and ours is a terminal.
        command.env("CARGO_TERM_COLOR", "always");
    }
    command
}
