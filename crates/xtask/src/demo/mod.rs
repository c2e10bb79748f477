//! `cargo xtask demo`: the storefront example on a Redis and a Postgres of its own.

mod load;
mod metrics;
mod pages;
mod soak;
mod stage;
mod story;
mod watch;

use std::time::Duration;

use tokio::process::Command;

use crate::child;
use crate::command::{Demo, Soak};
use crate::failure::{Failure, Outcome};
use crate::provision;
use crate::workspace;
use stage::Stage;

/// Sets the stage, plays, and leaves nothing behind.
pub(crate) async fn run(options: &Demo) -> Outcome {
    provision::provision(false).await?;
    build().await?;
    let stage = Stage::set().await?;
    if options.smoke {
        story::tell(stage).await
    } else {
        watch::run(&stage, options.load).await
    }
}

/// The same stage, with faults and for longer.
pub(crate) async fn soak(options: &Soak) -> Outcome {
    provision::provision(false).await?;
    build().await?;
    let stage = Stage::set().await?;
    let endured = soak::endure(&stage, Duration::from_secs(60 * options.minutes)).await;
    endured.map_err(|failure| Failure::new(format!("{failure}\n{}", stage.log())))
}

/// The unoptimised build is there in half the time, and the story it tells is the same.
async fn build() -> Outcome {
    let mut command = Command::new(workspace::cargo());
    command
        .args(["build", "--quiet", "--package", "storefront"])
        .current_dir(workspace::root());
    child::run(&mut command).await
}
