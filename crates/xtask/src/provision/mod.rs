//! Sees to it that Redis and PostgreSQL can be started on this machine.
//!
//! Looking is `testkit::locate`'s; this adds what to do when there is nothing to be found.

mod packages;
mod server;
mod way;

pub(crate) use packages::Packages;
pub(crate) use server::Server;
pub(crate) use way::Way;

use testkit::locate::{self, Found};

use crate::failure::{Failure, Outcome};
use crate::print;

/// Finds both servers, installs what is missing, and prints a line on each. `strict`: also what only some builds can do.
pub(crate) async fn provision(strict: bool) -> Outcome {
    for server in Server::ALL {
        let found = ensure(server, strict).await?;
        print::about(server.name(), found);
    }
    Ok(())
}

/// Finds the server, or installs it first.
pub(crate) async fn ensure(server: Server, strict: bool) -> Outcome<Found> {
    let missing = match server.find(strict).await {
        Ok(found) => return Ok(found),
        Err(missing) => missing,
    };
    print::about(server.name(), &missing);
    for way in Way::usable(server, strict).await {
        print::about("", way.line());
        if let Err(failure) = way.walk().await {
            print::about("", failure);
            continue;
        }
        match server.find(strict).await {
            Ok(found) => return Ok(found),
            Err(missing) => print::about("", format_args!("still {missing}")),
        }
    }
    Err(Failure::new(advice(server, strict)))
}

/// Finds Valkey, or installs it first for this folder alone.
pub(crate) async fn valkey() -> Outcome<Found> {
    let missing = match locate::valkey() {
        Ok(found) => return Ok(found),
        Err(missing) => missing,
    };
    print::about("valkey", &missing);
    let way = Way::valkey().await;
    let way = way.ok_or_else(|| Failure::new("valkey is missing, and there is no pip"))?;
    print::about("", way.line());
    way.walk().await?;
    locate::valkey().map_err(|missing| Failure::new(missing.to_string()))
}

/// What to do by hand, in one line.
pub(crate) fn advice(server: Server, strict: bool) -> String {
    let line = Packages::present().map_or_else(
        || format!("install {}", server.name()),
        |packages| packages.by_hand(server),
    );
    let or = if strict {
        ""
    } else {
        " (or npm and pip, which need no root)"
    };
    format!("{} is missing; run: {line}{or}", server.name())
}
