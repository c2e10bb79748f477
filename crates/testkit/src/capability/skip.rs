use std::fs::File;
use std::io::Write;

use super::Capability;

/// Environment variable that names a file: each skip adds a line `test: why` to it.
pub const SKIPS: &str = "TOWER_KEEP_SKIPS";

/// Environment variable that makes a skip a failure if it is `1`.
pub const STRICT: &str = "TOWER_KEEP_STRICT";

/// True if the servers here can do this. If not, the calling test has to return, and is counted as skipped.
///
/// # Panics
/// If not, and [`STRICT`] is set; or if there is no such server at all.
#[must_use = "where the capability is missing, the test has to return"]
pub fn require(capability: Capability) -> bool {
    let Err(why) = capability.missing() else {
        return true;
    };
    // Tests run on threads that have their names.
    let thread = std::thread::current();
    let line = format!(
        "{}: needs {capability}, but {why}\n",
        thread.name().unwrap_or("a test")
    );
    let strict = std::env::var_os(STRICT).is_some_and(|value| value == "1");
    assert!(!strict, "{line}");
    eprint!("skipped {line}");
    if let Some(path) = std::env::var_os(SKIPS).filter(|path| !path.is_empty()) {
        // One write in append mode: other processes add their lines to the same file.
        let added = File::options().append(true).create(true).open(&path);
        let added = added.and_then(|mut file| file.write_all(line.as_bytes()));
        added.unwrap_or_else(|error| panic!("{}: {error}", path.to_string_lossy()));
    }
    false
}
