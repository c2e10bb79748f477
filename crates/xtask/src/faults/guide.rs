//! The place of the table in the guide.

use std::fs;

use super::table::Table;
use crate::failure::{Doing, Failure, Outcome};
use crate::print;
use crate::workspace;

const PAGE: &str = "crates/tower-keep/docs/redis-away.md";

const BEGIN: &str = "<!-- begin generated: cargo xtask test faults --write -->\n";
const END: &str = "<!-- end generated -->\n";

/// Puts the table where the last one was; unless it is `complete`, what it does not have stays.
pub(super) fn write(table: Table, complete: bool) -> Outcome {
    let file = workspace::root().join(PAGE);
    let page = fs::read_to_string(&file).doing(PAGE)?;
    let page = with(&page, table, complete)
        .ok_or_else(|| Failure::new(format!("{PAGE} has no place for the table: {BEGIN}")))?;
    fs::write(&file, page).doing(PAGE)?;
    print::line(format_args!("written to {PAGE}"));
    Ok(())
}

fn with(page: &str, mut table: Table, complete: bool) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (written, after) = rest.split_once(END)?;
    if !complete {
        let mut written = Table::written(written);
        written.update(table);
        table = written;
    }
    Some(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(fault: &str) -> Table {
        Table::collected(&format!("test\t{fault}\tTCP\t0\t0\t0\t0\t\t1\t1\tnone")).unwrap()
    }

    #[test]
    fn only_the_table_is_replaced() {
        let page = format!("# Faults\n\n{BEGIN}{END}\nMore.\n");
        let one = with(&page, table("one"), true).unwrap();
        assert_eq!(
            one,
            format!("# Faults\n\n{BEGIN}\n{}\n{END}\nMore.\n", table("one"))
        );
        assert_eq!(with(&one, table("one"), true), Some(one.clone()));
        let other = with(&page, table("other"), true);
        assert_eq!(with(&one, table("other"), true), other);

        let both = with(&one, table("other"), false).unwrap();
        assert!(both.contains("| one | TCP |") && both.contains("| other | TCP |"));
        assert_eq!(with("# Faults\n", table("one"), true), None);
    }
}
