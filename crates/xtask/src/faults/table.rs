//! The table that the rows make.

use std::fmt;

use super::row::Row;
use crate::failure::{Failure, Outcome};

const HEAD: &str = "\
| fault | client | no reply | told no | over 40 ms | sent after the gate had shut | other masters refused | away, ms | \
resumed after, ms | errors |
|---|---|--:|--:|--:|--:|--:|--:|--:|---|
";

/// Rows in order, and what is to be said below them. Its `Display` is Markdown.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
    sentences: Vec<String>,
}

impl Table {
    /// From the lines that tests have written: a row has tabs, a sentence has none.
    pub(super) fn collected(lines: &str) -> Outcome<Self> {
        let (rows, sentences): (Vec<_>, Vec<_>) =
            lines.lines().partition(|line| line.contains('\t'));
        let rows = rows.into_iter().map(|line| {
            Row::collected(line).ok_or_else(|| Failure::new(format!("not a row: {line}")))
        });
        Ok(Self::of(
            rows.collect::<Outcome<_>>()?,
            sentences.into_iter().map(str::to_owned).collect(),
        ))
    }

    /// From what `Display` has made.
    pub(super) fn written(text: &str) -> Self {
        let body = text.lines().skip_while(|line| !line.starts_with("|---"));
        let (rows, rest): (Vec<_>, Vec<_>) = body.skip(1).partition(|line| line.starts_with('|'));
        let sentences = rest.into_iter().filter(|line| !line.is_empty());
        Self::of(
            rows.into_iter().filter_map(Row::written).collect(),
            sentences.map(str::to_owned).collect(),
        )
    }

    /// These rows in the place of those for the same; without sentences the old ones stay.
    pub(super) fn update(&mut self, newer: Self) {
        self.rows
            .retain(|row| newer.rows.iter().all(|new| new.key() != row.key()));
        self.rows.extend(newer.rows);
        self.rows.sort_by_key(Row::key);
        if !newer.sentences.is_empty() {
            self.sentences = newer.sentences;
        }
    }

    fn of(mut rows: Vec<Row>, sentences: Vec<String>) -> Self {
        rows.sort_by_key(Row::key);
        Self { rows, sentences }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEAD)?;
        for row in &self.rows {
            writeln!(f, "| {} |", row.0.join(" | "))?;
        }
        for sentence in &self.sentences {
            write!(f, "\n{sentence}\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "\
full_tcp\tfull\tTCP\t0\t5\t0\t0\t\t1200\t1001\treads: none; writes: OutOfMemory
Nothing was left.
absent_tcp\tAbsent\tTCP\t0\t0\t0\t0\t\t\t\tUnavailable
";

    fn table() -> Table {
        Table::collected(LINES).unwrap()
    }

    #[test]
    fn a_table_has_its_rows_in_order_and_its_sentences_below() {
        let text = table().to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[2..],
            [
                "| Absent | TCP | 0 | 0 | 0 | 0 | – | – | – | Unavailable |",
                "| full | TCP | 0 | 5 | 0 | 0 | – | 1200 | 1001 | reads: none; writes: OutOfMemory |",
                "",
                "Nothing was left.",
            ]
        );
        let bars = |line: &str| line.matches('|').count();
        assert!(lines[..4].iter().all(|line| bars(line) == bars(lines[0])));
        assert_eq!(Table::written(&text), table());
    }

    #[test]
    fn what_was_measured_again_is_replaced_and_the_rest_stays() {
        let mut written = table();
        let again = "full_tcp\tfull\tTCP\t0\t5\t0\t0\t\t1200\t7\tnone\n";
        written.update(Table::collected(again).unwrap());
        let resumed: Vec<&str> = written.rows.iter().map(|row| row.0[8].as_str()).collect();
        assert_eq!(resumed, ["–", "7"]);
        assert_eq!(written.sentences, ["Nothing was left."]);
    }

    #[test]
    fn what_resumes_late_is_named() {
        let late: Vec<String> = table().rows.iter().filter_map(Row::late).collect();
        assert_eq!(late.len(), 1);
        assert!(late[0].starts_with("full, TCP: resumed 1001 ms"));
        assert!(Table::collected("full_tcp\tfull").is_err());
    }
}
