//! Notices that replies have stopped, before the first deadline passes.

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::{core::Core, health::Cause};

/// How long nothing must have been in flight before the watchdog rests. Waking it costs more than one more look.
const RESTLESS: Duration = Duration::from_millis(500);

pub(super) fn spawn(core: &Arc<Core>) {
    let core = Arc::clone(core);
    core.runtime.clone().spawn(async move {
        tokio::select! {
            () = core.closed() => {}
            () = watch(&core) => {}
        }
    });
}

async fn watch(core: &Core) {
    let mut last_busy = Instant::now();
    loop {
        let stall_age = core.limits.stall_age();
        let silence = core.silence();
        if silence.is_some() {
            last_busy = Instant::now();
        } else if last_busy.elapsed() > RESTLESS {
            rest(core).await;
            last_busy = Instant::now();
            continue;
        }
        match silence {
            Some(silence) if silence >= stall_age => {
                core.trip_all(&Cause::Stalled);
                nap(core, stall_age, stall_age).await;
            }
            Some(silence) => nap(core, stall_age - silence, stall_age).await,
            None => nap(core, stall_age, stall_age).await,
        }
    }
}

/// Sleeps; and where it was woken far too late, the runtime was starved and nobody could have read a reply in that
/// time, so it is no sign of a stall.
async fn nap(core: &Core, duration: Duration, stall_age: Duration) {
    let wake = Instant::now() + duration;
    sleep_until(wake).await;
    if wake.elapsed() > stall_age / 2 {
        core.restart_silence();
    }
}

async fn rest(core: &Core) {
    core.watchdog_rests.store(true, Ordering::Release);
    // Something may have taken off just before the flag was up.
    if core.in_flight() == 0 {
        core.watch_now.notified().await;
    }
    core.watchdog_rests.store(false, Ordering::Release);
}
