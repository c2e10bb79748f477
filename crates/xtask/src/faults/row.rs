//! A row: one fault and what it cost.

/// How soon after Redis could serve again every operation is to be served.
const RESUMES_WITHIN_MS: u64 = 1000;

const CELLS: usize = 10;
const RESUMED: usize = 8;

/// What stands where there is nothing to say.
const NOTHING: &str = "–";

/// The cells of the table, of which the fault and the client's form are the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row(pub(super) Vec<String>);

impl Row {
    /// From a test: the test's name and the cells, parted by tabs.
    pub(super) fn collected(line: &str) -> Option<Self> {
        let cells = line.split('\t').skip(1).map(|cell| match cell {
            "" => NOTHING.to_owned(),
            cell => cell.to_owned(),
        });
        Self::of(cells.collect())
    }

    /// From a table in Markdown.
    pub(super) fn written(line: &str) -> Option<Self> {
        let cells = line.strip_prefix("| ")?.strip_suffix(" |")?;
        Self::of(cells.split(" | ").map(str::to_owned).collect())
    }

    fn of(cells: Vec<String>) -> Option<Self> {
        (cells.len() == CELLS).then_some(Self(cells))
    }

    /// What there is one row for.
    pub(super) fn key(&self) -> [String; 2] {
        [self.0[0].to_lowercase(), self.0[1].to_lowercase()]
    }

    /// A complaint, if service took too long to resume.
    pub(super) fn late(&self) -> Option<String> {
        let took = self.0[RESUMED].parse::<u64>().ok()?;
        (took > RESUMES_WITHIN_MS).then(|| {
            let [fault, client] = [&self.0[0], &self.0[1]];
            format!(
                "{fault}, {client}: resumed {took} ms after Redis was back; the bar is {RESUMES_WITHIN_MS} ms"
            )
        })
    }
}
