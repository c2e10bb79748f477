//! Every fault, under one steady load, and what it costs: a table of fault × form of client × figures.
//!
//! A row is one test in [`rows`]. It makes its servers, lets a [`Row`] begin under load, breaks something, says what has to
//! happen, mends it, and ends the row with the errors that may have been met:
//!
//! ```text
//! #[tokio::test]
//! async fn sigstop_tcp() {
//!     let server = RedisServer::start().await;
//!     let mut row = Row::begin("SIGSTOP", Client::tcp(&server)).await;
//!     server.pause();
//!     row.shuts(&BOTH).await; // few pay, and from then on no operation touches the connection
//!     server.resume();
//!     row.resumes().await; // by itself
//!     row.end(&AWAY, &AWAY).await; // the errors of the reads, and those of the writes
//! }
//! ```
//!
//! The test is named after the row: its fault and its form in lower case, words joined by `_`. Where a fault is for one
//! class only, `row.shuts(&[Class::Write])` and `row.serves(Class::Read)` say so; a client that finds Redis broken from
//! the start begins with [`Row::begin_broken`]. `Client::of(form, builder)` is for a form that is not here.
//!
//! Every row counts the same things, see [`figures::Figures`], and holds them to the same bars. A row that takes longer than
//! some seconds is ignored, with the reason. `cargo xtask test faults` runs all of them, one after the other, prints the
//! table, and with `--write` puts it into the guide; [`guide`] checks that the guide has exactly the rows that there are.
//! [`leaks`] shows what an outage leaves behind: nothing.

mod client;
mod figures;
mod guide;
mod leaks;
mod row;
mod rows;
mod traffic;

use tower_keep_core::connection::Class;

use self::{client::Client, row::Row};

const BOTH: [Class; 2] = [Class::Read, Class::Write];

/// What operations are told when Redis goes away under them, and when it is known to be away.
const AWAY: [&str; 3] = ["Deadline", "Interrupted", "Unavailable"];
