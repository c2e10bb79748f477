//! Real time, for what happens outside this process.

use std::time::Duration;

#[expect(
    clippy::disallowed_types,
    reason = "servers live in real time, also while a test has paused tokio's clock"
)]
type Instant = std::time::Instant;

/// Asks until the answer is `Some`, sleeping in between; `None` when `limit` is over.
pub(crate) fn poll<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        let answer = ask();
        if answer.is_some() || start.elapsed() >= limit {
            return answer;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
