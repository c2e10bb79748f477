//! What a process has used.

use std::fs;
use std::io;
use std::time::Duration;

/// Time that the process's threads have spent on a processor, to the nanosecond: the first field of each
/// `/proc/PID/task/TID/schedstat`. Linux only.
pub(crate) fn processor_time(pid: u32) -> io::Result<Duration> {
    let mut total = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let stat = fs::read_to_string(thread?.path().join("schedstat"))?;
        let nanoseconds = stat.split(' ').next().and_then(|field| field.parse().ok());
        total += Duration::from_nanos(nanoseconds.ok_or(io::ErrorKind::InvalidData)?);
    }
    Ok(total)
}
