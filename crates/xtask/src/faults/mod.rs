//! `cargo xtask test faults`.

mod guide;
mod row;
mod table;

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
use table::Table;

/// Environment variable that names a file: each row adds a line to it.
const FILE: &str = "TOWER_KEEP_FAULTS";

/// The tests that are rows.
const ROWS: &str = "connection::faults::rows::";

/// The one that has something to say below the table.
const OUTAGE: &str = "connection::faults::leaks::a_long";

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
        .args(tests_of(&options.groups))
        .current_dir(workspace::root())
        .env(testkit::STRICT, if options.write { "1" } else { "0" })
        .env(FILE, &file.0);
    let status = child::run_watched(tests, LIMIT, |_| {}).await?;
    let measured = Table::collected(&file.read()?)?;
    if measured.rows.is_empty() {
        return Err(Failure::new("no row was measured"));
    }
    print::line(format_args!("\n{measured}"));
    if !status.success() {
        return Err(Failure::new(format!("not every row holds: {status}")));
    }
    let late: Vec<String> = measured.rows.iter().filter_map(Row::late).collect();
    if options.write {
        guide::write(measured, options.groups.is_empty())?;
    }
    match late.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(late.join("\n"))),
    }
}

fn tests_of(groups: &[String]) -> Vec<String> {
    match groups {
        [] => vec![ROWS.to_owned(), OUTAGE.to_owned()],
        groups => groups
            .iter()
            .map(|group| format!("{ROWS}{group}"))
            .collect(),
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
