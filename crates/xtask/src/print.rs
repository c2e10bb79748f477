//! What a command says to the person at the terminal.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::exit;

/// As a program ends that SIGPIPE has killed: 128 and the signal's number.
const NOBODY_READS: i32 = 141;

/// Prints a line. When nobody reads on, as after `| head`, the command ends at once: there is nobody to tell.
///
/// # Panics
/// If it cannot be printed for another reason.
pub(crate) fn line(line: impl Display) {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit(NOBODY_READS),
        result => result.unwrap_or_else(|error| panic!("cannot print: {error}")),
    }
}

/// Prints a line about something that has a short name.
pub(crate) fn about(name: &str, says: impl Display) {
    line(format_args!("{name:<11} {says}"));
}
