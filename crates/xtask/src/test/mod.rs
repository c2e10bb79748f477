//! `cargo xtask test`.

mod runner;
mod servers;
mod skips;
mod tally;

use std::time::Duration;

use testkit::locate::REDIS_SERVER;
use tokio::process::Command;
use tokio::time::Instant;

use crate::child;
use crate::command::Test;
use crate::failure::{Doing, Failure, Outcome};
use crate::print;
use crate::provision;
use crate::workspace;
use runner::Runner;
use servers::Servers;
use skips::Skips;
use tally::Tally;

/// How long all the tests may take once they are built.
const LIMIT: Duration = Duration::from_secs(12 * 60);

/// Runs the tests; the closing line is printed in any case.
pub(crate) async fn run(options: &Test) -> Outcome {
    if options.valkey {
        return on_valkey(options).await;
    }
    provision::provision(options.strict).await?;
    let runner = Runner::choose().await;
    println!("{:<11} {}", "tests", runner.name());
    child::run(&mut runner.build()).await?;

    let servers = Servers::start().await?;
    let skips = Skips::begin(&workspace::target()).doing("cannot write to the target folder")?;
    let deadline = Instant::now() + LIMIT;
    let mut tally = Tally::default();
    let mut failure = None;
    let runs = [
        (runner, runner.tests(&options.filters)),
        (Runner::Cargo, runner.doctests(&options.filters)),
    ];
    for (runner, mut command) in runs {
        servers.tell(&mut command);
        skips.tell(&mut command, options.strict);
        let left = deadline.saturating_duration_since(Instant::now());
        match child::run_watched(command, left, |line| tally += runner.tally(line)).await {
            Ok(status) if status.success() => {}
            Ok(status) => failure = Some(format!("the tests failed: {status}")),
            Err(stopped) => {
                failure = Some(stopped.to_string());
                break;
            }
        }
    }
    drop(servers);

    let skipped = skips.read();
    for skip in &skipped {
        println!("skipped: {skip}");
    }
    println!(
        "{} passed, {} failed, {} skipped",
        tally.passed,
        tally.failed,
        skipped.len()
    );
    if let Some(failure) = failure {
        return Err(Failure::new(failure));
    }
    if tally.is_empty() {
        return Err(Failure::new("no test ran"));
    }
    if options.strict && !skipped.is_empty() {
        return Err(Failure::new("tests were skipped, which --strict forbids"));
    }
    Ok(())
}

/// Runs itself again where the environment names Valkey, which everything that starts a server then finds.
async fn on_valkey(options: &Test) -> Outcome {
    let found = provision::valkey().await?;
    print::about("valkey", &found);
    let program = std::env::current_exe().doing("cannot find this program")?;
    let mut command = Command::new(program);
    command.arg("test").env(REDIS_SERVER, &found.path);
    if options.strict {
        command.arg("--strict");
    }
    child::run(command.arg("--").args(&options.filters)).await
}
