//! `cargo xtask bench`.

use tokio::process::Command;

use crate::child;
use crate::command::{Bench, Measured};
use crate::failure::Outcome;
use crate::provision;
use crate::workspace;

/// Instructions and allocations, which do not depend on what else the machine does.
const COUNTED: [&str; 2] = ["connection", "cache"];
const TIMED: [&str; 2] = ["footprint", "time"];
const THROUGHPUT: &str = "throughput";
const SERVICE: &str = "service";

/// The benches are those of the workspace's own package; each prints its figures.
pub(crate) async fn run(options: &Bench) -> Outcome {
    provision::provision(false).await?;
    let mut benches = Vec::new();
    if options.only.is_none() {
        match counter().await {
            Ok(()) => benches.extend(COUNTED),
            Err(missing) => println!(
                "{:<11} {missing}: {} are left out",
                "bench",
                COUNTED.join(" and ")
            ),
        }
        benches.extend(TIMED);
    }
    match options.only {
        Some(Measured::Connection) => benches.push(THROUGHPUT),
        Some(Measured::Service) => benches.push(SERVICE),
        None => benches.extend([THROUGHPUT, SERVICE]),
    }
    let mut command = Command::new(workspace::cargo());
    command
        .args(["bench", "--package", "tower-keep-suite"])
        .current_dir(workspace::root());
    for bench in benches {
        command.args(["--bench", bench]);
    }
    child::run(&mut command).await
}

/// Whether instructions can be counted here, or what is missing.
pub(crate) async fn counter() -> Result<(), &'static str> {
    if child::output("valgrind", &["--version"]).await.is_none() {
        return Err("valgrind is not installed");
    }
    if child::output("gungraun-runner", &["--version"])
        .await
        .is_none()
    {
        return Err(
            "gungraun-runner is not installed, in the version that Cargo.toml has of gungraun",
        );
    }
    Ok(())
}
