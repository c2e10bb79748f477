//! The table in the guide has the rows that there are.

use std::{collections::BTreeSet, process::Command};

use super::figures::Figures;

const PAGE: &str = include_str!("../../../../crates/tower-keep/docs/redis-away.md");
const BEGIN: &str = "<!-- begin generated: cargo xtask test faults --write -->";
const END: &str = "<!-- end generated -->";

const ROWS: &str = "connection::faults::rows::";

#[test]
fn the_guide_has_exactly_the_rows_that_there_are() {
    let (written, tests) = (written(), tests());
    let missing: Vec<_> = tests.difference(&written).collect();
    let left: Vec<_> = written.difference(&tests).collect();
    assert!(
        missing.is_empty() && left.is_empty(),
        "not there: {missing:?}, no row any more: {left:?}; cargo xtask test faults --write mends it"
    );
}

/// The names of the tests that are rows.
fn tests() -> BTreeSet<String> {
    let this = std::env::current_exe().unwrap();
    let listed = Command::new(this).args(["--list", ROWS]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let tests = listed
        .lines()
        .filter_map(|line| line.strip_suffix(": test"));
    tests
        .filter_map(|test| test.strip_prefix(ROWS)?.rsplit("::").next())
        .map(str::to_owned)
        .collect()
}

fn written() -> BTreeSet<String> {
    let (_, table) = PAGE.split_once(BEGIN).unwrap();
    let (table, _) = table.split_once(END).unwrap();
    // Below the head and the line under it.
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        Figures::name(cells[1], cells[2])
    })
    .collect()
}
