//! `cargo xtask doctor`.

use crate::bench;
use crate::child;
use crate::command::Doctor;
use crate::failure::{Failure, Outcome};
use crate::print;
use crate::provision::{self, Server, Way};
use crate::workspace;

/// Says what is here and what would be done about the rest; with `install`, does it.
pub(crate) async fn run(options: &Doctor) -> Outcome {
    tools().await;
    let mut missing = Vec::new();
    for server in Server::ALL {
        let found = if options.install {
            provision::ensure(server, options.strict)
                .await
                .map_err(|failure| failure.to_string())
        } else {
            server.find(options.strict).await
        };
        match found {
            Ok(found) => print::about(server.name(), found),
            Err(why) => {
                print::about(server.name(), why);
                if !options.install {
                    say_what_would_be_done(server, options.strict).await;
                }
                missing.push(server.name());
            }
        }
    }
    if missing.is_empty() {
        print::line("`cargo xtask test` and `cargo xtask demo` have what they need");
        return Ok(());
    }
    Err(Failure::new(format!("missing: {}", missing.join(", "))))
}

/// What makes tests quicker or finer, and is not needed.
async fn tools() {
    let cargo = workspace::cargo();
    let cargo = cargo.to_string_lossy();
    for (name, arguments, without) in [
        ("cargo", ["--version"].as_slice(), "not to be run"),
        (
            "nextest",
            &["nextest", "--version"],
            "not installed; tests run with cargo test",
        ),
    ] {
        let answer = child::output(&cargo, arguments).await;
        let answer = answer
            .as_deref()
            .and_then(|answer| answer.lines().next())
            .unwrap_or(without);
        print::about(name, answer);
    }
    match bench::counter().await {
        Ok(()) => print::about("bench", "can count instructions"),
        Err(missing) => print::about(
            "bench",
            format_args!("cannot count instructions: {missing}"),
        ),
    }
}

async fn say_what_would_be_done(server: Server, strict: bool) {
    match Way::usable(server, strict).await.first() {
        Some(way) => print::about("", format_args!("test and demo would run: {}", way.line())),
        None => print::about("", provision::advice(server, strict)),
    }
}
