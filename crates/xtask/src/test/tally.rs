//! Counts tests from the closing lines of the runners.

use std::ops::AddAssign;

/// Tests that ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) failed: u64,
}

impl Tally {
    /// What this line of cargo test adds; a line that closes nothing adds nothing. Closing lines begin at the margin:
    /// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`.
    pub(super) fn of_cargo(line: &str) -> Self {
        let line = without_colours(line);
        let counts = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "));
        counts.map_or_else(Self::default, |(_, counts)| Self::of_counts(counts, ';'))
    }

    /// What this line of cargo-nextest adds, which shows the output of tests that fail, cargo's closing lines and all:
    /// `     Summary [   0.003s] 4 tests run: 2 passed (1 slow, 1 leaky), 1 failed, 1 timed out, 7 skipped`.
    pub(super) fn of_nextest(line: &str) -> Self {
        let line = without_colours(line);
        let summary = line
            .trim_start()
            .strip_prefix("Summary [")
            .and_then(|rest| rest.split_once(" run: "));
        summary.map_or_else(Self::default, |(_, counts)| Self::of_counts(counts, ','))
    }

    /// Whether anything was run.
    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }

    fn of_counts(counts: &str, separator: char) -> Self {
        let mut tally = Self::default();
        for count in without_remarks(counts).split(separator) {
            let Some((number, what)) = count.trim().split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match what.trim() {
                "passed" => tally.passed += number,
                "failed" | "timed out" | "exec failed" => tally.failed += number,
                _ => {}
            }
        }
        tally
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Drops what stands in brackets.
fn without_remarks(text: &str) -> String {
    let mut depth = 0_u32;
    text.chars()
        .filter(|character| {
            match character {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => return depth == 0,
            }
            false
        })
        .collect()
}

/// Drops the escape sequences that colour a terminal: ESC [ … m.
fn without_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_cargo_test_are_counted() {
        for (line, passed, failed) in [
            (
                "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s\n",
                3,
                0,
            ),
            (
                "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n",
                2,
                1,
            ),
            (
                "test result: \u{1b}[32mok\u{1b}[0m. 1 passed; 0 failed; 0 ignored\n",
                1,
                0,
            ),
        ] {
            assert_eq!(Tally::of_cargo(line), Tally { passed, failed }, "{line}");
        }
    }

    #[test]
    fn closing_lines_of_nextest_are_counted() {
        for (line, passed, failed) in [
            (
                "     Summary [   0.003s] 1 test run: 1 passed, 0 skipped",
                1,
                0,
            ),
            (
                "     Summary [   9.003s] 6 tests run: 2 passed (1 slow, 1 leaky), 1 failed, 2 timed out, 1 exec failed, 7 skipped",
                2,
                4,
            ),
            (
                "     Summary [   9.003s] 3/7 tests run: 2 passed, 1 failed, 0 skipped",
                2,
                1,
            ),
            (
                "\u{1b}[32;1m     Summary\u{1b}[0m [   0.1s] \u{1b}[1m5\u{1b}[0m tests run: \u{1b}[1m5\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m",
                5,
                0,
            ),
        ] {
            assert_eq!(Tally::of_nextest(line), Tally { passed, failed }, "{line}");
        }
    }

    #[test]
    fn what_a_failed_test_has_printed_is_not_counted_with_it() {
        let printed =
            "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 141 filtered out";
        assert!(Tally::of_nextest(printed).is_empty());
        assert!(Tally::of_cargo(printed).is_empty());
    }

    #[test]
    fn other_lines_count_nothing() {
        for line in [
            "",
            "running 3 tests",
            "test a::b ... FAILED",
            "Summary",
            "assertion failed: 3 passed; 1 failed",
        ] {
            assert!(
                Tally::of_cargo(line).is_empty() && Tally::of_nextest(line).is_empty(),
                "{line}"
            );
        }
    }
}
