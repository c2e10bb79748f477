//! Notices that replies have stopped, before the first deadline passes.

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::{
    command::Command,
    core::Core,
    health::{Cause, Class},
};

/// The watchdog rests when nothing was in flight for so many stall ages. Waking it costs more than one more look.
const RESTLESS: u32 = 4;

pub(super) fn spawn(core: &Arc<Core>) {
    let core = Arc::clone(core);
    core.runtime.clone().spawn(async move {
        tokio::select! {
            () = core.closed() => {}
            () = watch(&core) => {}
        }
    });
}

async fn watch(core: &Arc<Core>) {
    let mut last_busy = Instant::now();
    loop {
        let stall_age = core.limits.stall_age();
        let silence = core.silence();
        if silence.is_some() {
            last_busy = Instant::now();
        } else if last_busy.elapsed() > stall_age * RESTLESS {
            rest(core).await;
            last_busy = Instant::now();
            continue;
        }
        match silence {
            Some(silence) if silence >= stall_age => {
                core.trip_all(&Cause::Stalled);
                nap(core, stall_age, stall_age).await;
            }
            Some(silence) if silence >= stall_age / 2 => {
                ask_for_a_sign(core);
                nap(core, stall_age - silence, stall_age).await;
            }
            Some(silence) => nap(core, stall_age / 2 - silence, stall_age).await,
            None => nap(core, stall_age, stall_age).await,
        }
    }
}

/// An operation that was answered is in flight until its caller looks, and callers may be busy elsewhere. Replies come
/// in order, so a reply to something that the watchdog has sent itself shows that there is no stall.
fn ask_for_a_sign(core: &Arc<Core>) {
    let is_up = Class::ALL.iter().any(|class| core.gate(*class).is_up());
    if is_up {
        let core = Arc::clone(core);
        let ping = Command::read("PING").anywhere();
        core.runtime
            .clone()
            .spawn(async move { core.probe(ping).await });
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
    core.watchdog_rests.store(true, Ordering::SeqCst);
    // Something may have taken off just before the flag was up.
    if core.in_flight() == 0 {
        core.watch_now.notified().await;
    }
    core.watchdog_rests.store(false, Ordering::SeqCst);
}

#[cfg(test)]
mod tests {
    use fred::types::Builder;
    use tokio::{runtime::Handle, time::advance};

    use super::*;
    use crate::connection::{
        limits::{Limits, Overrides},
        profile::Profile,
        ties::{Part, Ties},
    };

    const MS: Duration = Duration::from_millis(1);

    /// A core that is up, with nothing behind it.
    fn core() -> Arc<Core> {
        let client = Builder::default_centralized().build().unwrap();
        let ties = Ties::new(Limits::new(Overrides::default()));
        ties.limits.attach(&Profile::CACHE);
        let core = Arc::new(Core::new(
            client,
            Handle::current(),
            "test".into(),
            ties,
            Part::Whole,
        ));
        for class in Class::ALL {
            core.restore(class, core.turn());
        }
        spawn(&core);
        core
    }

    async fn pass(time: Duration) {
        // In small steps, as time does.
        for _ in 0..time.as_millis() {
            advance(MS).await;
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_while_something_is_in_flight_trips_both_classes() {
        let core = core();
        // Long enough for the watchdog to rest.
        pass(Profile::CACHE.stall_age * RESTLESS * 3).await;
        assert!(core.watchdog_rests.load(Ordering::SeqCst));
        let place = core.take_place(core.now(), 50 * MS, 10);
        pass(20 * MS).await;
        assert!(core.health.borrow().is_up());
        pass(10 * MS).await;
        assert!(!core.gate(Class::Read).is_up() && !core.gate(Class::Write).is_up());
        drop(place);
    }

    #[tokio::test(start_paused = true)]
    async fn replies_put_it_off_and_nothing_in_flight_is_no_silence() {
        let core = core();
        let place = core.take_place(core.now(), 50 * MS, 10);
        for _ in 0..10 {
            pass(20 * MS).await;
            core.traffic.replied(core.now());
        }
        drop(place);
        pass(Profile::CACHE.stall_age * RESTLESS * 2).await;
        assert!(core.health.borrow().is_up());
    }

    #[tokio::test(start_paused = true)]
    async fn a_starved_runtime_is_no_stall() {
        let core = core();
        let place = core.take_place(core.now(), 50 * MS, 10);
        pass(20 * MS).await;
        // Nobody ran for a second, so nobody could read a reply.
        advance(1000 * MS).await;
        pass(20 * MS).await;
        assert!(core.health.borrow().is_up());
        // It is one when the silence goes on.
        pass(10 * MS).await;
        assert!(!core.health.borrow().is_up());
        drop(place);
    }
}
