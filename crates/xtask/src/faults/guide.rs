//! The place of the table in the guide.

use std::fs;

use crate::failure::{Doing, Failure, Outcome};
use crate::print;
use crate::workspace;

const PAGE: &str = "crates/tower-keep/docs/redis-away.md";

const BEGIN: &str = "<!-- begin generated: cargo xtask test faults --write -->\n";
const END: &str = "<!-- end generated -->\n";

/// Puts the table where the last one was.
pub(super) fn write(table: &str) -> Outcome {
    let file = workspace::root().join(PAGE);
    let page = fs::read_to_string(&file).doing(PAGE)?;
    let page = with(&page, table)
        .ok_or_else(|| Failure::new(format!("{PAGE} has no place for the table: {BEGIN}")))?;
    fs::write(&file, page).doing(PAGE)?;
    print::line(format_args!("written to {PAGE}"));
    Ok(())
}

fn with(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_table_is_replaced() {
        let page = format!("# Faults\n\n{BEGIN}\nold\n{END}\nMore.\n");
        let expected = format!("# Faults\n\n{BEGIN}\nnew\n\n{END}\nMore.\n");
        assert_eq!(with(&page, "new\n"), Some(expected.clone()));
        assert_eq!(with(&expected, "new\n"), Some(expected));
        assert_eq!(with("# Faults\n", "new\n"), None);
    }
}
