//! The rows as the tests write them, and the table that they make.

use std::fmt::Write;

use crate::failure::{Failure, Outcome};

/// How soon after Redis could serve again every operation is to be served.
const RESUMES_WITHIN_MS: u64 = 1000;

const HEAD: &str = "\
| fault | client | no reply | told no | over 40 ms | sent after the gate had shut | other masters refused | away, ms | \
resumed after, ms | errors |
|---|---|--:|--:|--:|--:|--:|--:|--:|---|
";

/// One fault and what it cost.
#[derive(Debug)]
pub(super) struct Row {
    name: String,
    cells: Vec<String>,
    resumed_ms: Option<u64>,
}

/// A line per row, its cells parted by tabs: the name of the test, then the table's cells. A line without tabs is one of the
/// [`sentences`].
pub(super) fn read(lines: &str) -> Outcome<Vec<Row>> {
    let mut rows = lines
        .lines()
        .filter(|line| line.contains('\t'))
        .map(|line| parse(line).ok_or_else(|| Failure::new(format!("not a row: {line}"))))
        .collect::<Outcome<Vec<Row>>>()?;
    rows.sort_by_key(|row| row.name.clone());
    Ok(rows)
}

/// The rows in Markdown.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = HEAD.to_owned();
    for row in rows {
        let _ = writeln!(text, "| {} |", row.cells.join(" | "));
    }
    text
}

/// What is to be said below the table.
pub(super) fn sentences(lines: &str) -> String {
    let sentences = lines.lines().filter(|line| !line.contains('\t'));
    sentences.map(|line| format!("\n{line}\n")).collect()
}

impl Row {
    /// A complaint, if service took too long to resume.
    pub(super) fn late(&self) -> Option<String> {
        let took = self.resumed_ms.filter(|took| *took > RESUMES_WITHIN_MS)?;
        Some(format!(
            "{}: resumed {took} ms after Redis was back; the bar is {RESUMES_WITHIN_MS} ms",
            self.name
        ))
    }
}

fn parse(line: &str) -> Option<Row> {
    let mut cells = line.split('\t').map(str::to_owned);
    let name = cells.next()?;
    let mut cells: Vec<String> = cells.collect();
    if cells.len() != 10 {
        return None;
    }
    let resumed_ms = match cells[8].as_str() {
        "" => None,
        number => Some(number.parse().ok()?),
    };
    for cell in cells.iter_mut().filter(|cell| cell.is_empty()) {
        "–".clone_into(cell);
    }
    Some(Row {
        name,
        cells,
        resumed_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str =
        "full_tcp\tfull\tTCP\t0\t5\t0\t0\t\t1200\t1001\treads: none; writes: OutOfMemory";

    #[test]
    fn a_table_has_its_rows_in_order() {
        let lines = format!("{FULL}\nabsent_tcp\tabsent\tTCP\t0\t0\t0\t0\t\t900\t\tUnavailable\n");
        let table = table(&read(&lines).unwrap());
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| absent | TCP | 0 | 0 | 0 | 0 | – | 900 | – | Unavailable |",
                "| full | TCP | 0 | 5 | 0 | 0 | – | 1200 | 1001 | reads: none; writes: OutOfMemory |",
            ]
        );
        let [head, line] = [0, 1].map(|index| table.lines().nth(index).unwrap());
        assert_eq!(head.matches('|').count(), line.matches('|').count());
        assert_eq!(head.matches('|').count(), rows[0].matches('|').count());
    }

    #[test]
    fn what_resumes_late_is_named() {
        let rows = read(FULL).unwrap();
        assert!(
            rows[0]
                .late()
                .unwrap()
                .starts_with("full_tcp: resumed 1001 ms")
        );
        assert!(read("full_tcp\tfull").is_err());
    }

    #[test]
    fn sentences_are_no_rows() {
        let lines = format!("Nothing was left.\n{FULL}\n");
        assert_eq!(read(&lines).unwrap().len(), 1);
        assert_eq!(sentences(&lines), "\nNothing was left.\n");
    }
}
