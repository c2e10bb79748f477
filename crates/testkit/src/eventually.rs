use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// Waits until `condition` holds: the way for a test to wait for what it cannot be told.
///
/// The condition is asked every 5 ms; one that hangs is given up at the deadline too.
///
/// # Panics
/// When `deadline` is over and the condition has not held, naming the caller's line.
#[track_caller]
pub fn eventually(
    deadline: Duration,
    mut condition: impl AsyncFnMut() -> bool,
) -> impl Future<Output = ()> {
    let caller = Location::caller();
    async move {
        let end = Instant::now() + deadline;
        loop {
            if timeout_at(end, condition()).await == Ok(true) {
                return;
            }
            assert!(Instant::now() < end, "{caller}: not so within {deadline:?}");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn returns_as_soon_as_the_condition_holds() {
        let asked = Cell::new(0);
        eventually(SECOND, || async {
            asked.set(asked.get() + 1);
            asked.get() == 3
        })
        .await;
        assert_eq!(asked.get(), 3);
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "not so within 1s")]
    async fn panics_at_the_deadline() {
        eventually(SECOND, || async { false }).await;
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "eventually.rs")]
    async fn gives_up_a_condition_that_hangs_and_names_the_caller() {
        eventually(SECOND, pending).await;
    }
}
