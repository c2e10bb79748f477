//! Publishes what was counted: a second's worth at a time, so that an operation pays for two atomic additions and
//! nothing else.

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use super::{core::Core, health::Class, telemetry};

/// No monitoring asks more often.
const PERIOD: Duration = Duration::from_secs(1);

pub(super) fn spawn(core: &Arc<Core>) {
    let core = Arc::clone(core);
    core.runtime.clone().spawn(async move {
        let mut ended = core.ended.subscribe();
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let ended = tokio::select! {
                // The sender lives in the core, which is held here.
                _ = ended.wait_for(|ended| *ended) => true,
                _ = ticks.tick() => false,
            };
            report(&core);
            if ended {
                // What the end took with it gives back its place only when its caller looks, and nobody reports that.
                telemetry::in_flight(&core.server, 0);
                return;
            }
        }
    });
}

fn report(core: &Core) {
    let (server, now) = (&core.server, core.now());
    telemetry::in_flight(server, core.in_flight());
    for class in Class::ALL {
        core.show(class);
        for (outcome, count) in core.ledger.take_outcomes(class) {
            telemetry::commands(server, class, outcome, count);
        }
        for (latency, count) in core.ledger.take_latencies(class) {
            telemetry::latency(server, class, latency, count);
        }
        for (state, time) in core.periods.take(class, now) {
            telemetry::spent(server, class, state, time);
        }
    }
}
