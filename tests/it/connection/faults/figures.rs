//! The figures of one row.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Write,
    time::Duration,
};

use super::traffic::Tally;

/// Environment variable that names a file: each row adds a line to it, and may add a sentence.
const FILE: &str = "TOWER_KEEP_FAULTS";

/// What an outage cost, from the fault until service had resumed.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) fault: &'static str,
    pub(super) form: String,
    /// Operations that had no reply: they paid their deadline, or as much of it as it took to find out.
    pub(super) unanswered: u64,
    /// Operations that the server told no.
    pub(super) told: u64,
    /// Operations that waited longer than 40 ms.
    pub(super) slow: u64,
    /// Operations that were sent after the gate had shut.
    pub(super) sent_after: u64,
    /// Refused operations on the keys of the other masters, of a hundred.
    pub(super) others_refused: Option<u64>,
    /// From the fault until all was served again. `None` where it never was.
    pub(super) away: Option<Duration>,
    /// From the moment when Redis could serve again until all was served again.
    pub(super) resumed: Option<Duration>,
    /// The classes of the errors, of the reads and of the writes.
    pub(super) errors: [BTreeSet<String>; 2],
}

impl Figures {
    /// The name that the row's test must have.
    pub(super) fn name(fault: &str, form: &str) -> String {
        let text = format!("{fault} {form}").to_lowercase();
        let words = text.split(|character: char| !character.is_alphanumeric());
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        words.join("_")
    }

    /// Adds the line, if somebody collects them.
    pub(super) fn publish(&self) {
        publish(&self.line());
    }

    fn line(&self) -> String {
        let others = self.others_refused.map(|share| format!("{share} %"));
        let millis = |time: Option<Duration>| {
            time.map_or_else(String::new, |time| time.as_millis().to_string())
        };
        let [reads, writes] = self.errors.each_ref().map(|errors| {
            let errors: Vec<&str> = errors.iter().map(String::as_str).collect();
            match errors.is_empty() {
                true => "none".to_owned(),
                false => errors.join(", "),
            }
        });
        let errors = match reads == writes {
            true => reads,
            false => format!("reads: {reads}; writes: {writes}"),
        };
        let cells = [
            Self::name(self.fault, &self.form),
            self.fault.to_owned(),
            self.form.clone(),
            self.unanswered.to_string(),
            self.told.to_string(),
            self.slow.to_string(),
            self.sent_after.to_string(),
            others.unwrap_or_default(),
            millis(self.away),
            millis(self.resumed),
            errors,
        ];
        cells.join("\t") + "\n"
    }
}

/// Adds a sentence that is to stand below the table.
pub(super) fn note(sentence: &str) {
    publish(&format!("{sentence}\n"));
}

fn publish(line: &str) {
    let Some(path) = std::env::var_os(FILE).filter(|path| !path.is_empty()) else {
        return;
    };
    // One write in append mode: lines of others stay whole.
    let file = File::options().append(true).create(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.to_string_lossy()));
}

/// Several tallies as one.
pub(super) fn sum<'a>(tallies: impl IntoIterator<Item = &'a Tally>) -> Tally {
    let mut sum = Tally::default();
    for tally in tallies {
        sum.begun += tally.begun;
        sum.sent += tally.sent;
        sum.served += tally.served;
        sum.unanswered += tally.unanswered;
        sum.told += tally.told;
        sum.refused += tally.refused;
        sum.slow += tally.slow;
        sum.resumed = sum.resumed.max(tally.resumed);
        for (class, count) in &tally.errors {
            *sum.errors.entry(class.clone()).or_default() += count;
        }
    }
    sum
}

pub(super) fn classes(errors: &BTreeMap<String, u64>) -> BTreeSet<String> {
    errors.keys().cloned().collect()
}
