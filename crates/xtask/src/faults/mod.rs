//! `cargo xtask test faults`.

mod guide;
mod row;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tokio::process::Command;

use crate::child;
use crate::command::Faults;
use crate::failure::{Doing, Failure, Outcome};
use crate::print;
use crate::provision;
use crate::workspace;
use row::Row;

/// Environment variable that names a file: each row adds a line to it.
const FILE: &str = "TOWER_KEEP_FAULTS";

/// The tests that are rows, and those that have something to say below the table.
const TESTS: [&str; 2] = [
    "connection::faults::rows::",
    "connection::faults::leaks::a_long",
];

/// How long all of them may take once they are built.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Runs every row, one after the other so that none is measured under the load of another.
pub(crate) async fn run(options: &Faults) -> Outcome {
    // The guide is to have all rows.
    provision::provision(options.write).await?;
    let file = Figures::begin()?;
    let mut tests = Command::new(workspace::cargo());
    tests
        .args(["test", "--workspace", "--all-features", "--test", "it"])
        .args(["--", "--include-ignored", "--test-threads=1"])
        .args(TESTS)
        .current_dir(workspace::root())
        .env(testkit::STRICT, if options.write { "1" } else { "0" })
        .env(FILE, &file.0);
    let status = child::run_watched(tests, LIMIT, |_| {}).await?;
    let lines = file.read()?;
    let rows = row::read(&lines)?;
    if rows.is_empty() {
        return Err(Failure::new("no row was measured"));
    }
    let table = row::table(&rows) + &row::sentences(&lines);
    print::line(format_args!("\n{table}"));
    if !status.success() {
        return Err(Failure::new(format!("not every row holds: {status}")));
    }
    if options.write {
        guide::write(&table)?;
    }
    let late: Vec<String> = rows.iter().filter_map(Row::late).collect();
    match late.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(late.join("\n"))),
    }
}

/// The file of one run.
struct Figures(PathBuf);

impl Figures {
    fn begin() -> Outcome<Self> {
        let folder = workspace::target();
        fs::create_dir_all(&folder).doing("cannot write to the target folder")?;
        let file = folder.join(format!("faults-{}", std::process::id()));
        fs::write(&file, "").doing(file.display())?;
        Ok(Self(file))
    }

    fn read(&self) -> Outcome<String> {
        fs::read_to_string(&self.0).doing(self.0.display())
    }
}

impl Drop for Figures {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
