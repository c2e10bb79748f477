//! `cargo xtask bench`.

use tokio::process::Command;

use crate::child;
use crate::command::Bench;
use crate::failure::Outcome;
use crate::provision;
use crate::workspace;

/// The benches are the workspace's own package's; each prints its figures.
pub(crate) async fn run(options: &Bench) -> Outcome {
    provision::provision(false).await?;
    let mut command = Command::new(workspace::cargo());
    command
        .args(["bench", "--package", "tower-keep-suite"])
        .current_dir(workspace::root());
    if options.service_only {
        command.args(["--bench", "service"]);
    }
    child::run(&mut command).await
}
