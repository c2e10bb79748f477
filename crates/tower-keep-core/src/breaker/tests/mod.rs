//! What the breaker promises.

#[cfg(not(keep_loom))]
mod behaviour;
#[cfg(not(keep_loom))]
mod counterexamples;
#[cfg(keep_loom)]
mod interleavings;
#[cfg(not(keep_loom))]
mod model;
#[cfg(not(keep_loom))]
mod properties;
#[cfg(not(keep_loom))]
mod threads;

use std::time::Duration;

use super::{BreakerConfig, Outcome, State, StateMachine, Transition};

/// Everything off but what a test asks for, and times that come out even.
fn quiet() -> BreakerConfig {
    BreakerConfig::new()
        .consecutive_failures(None)
        .failure_rate(None)
        .window(at(100))
        .minimum_calls(1)
        .open_for(at(100), at(100))
        .jitter(0.0)
        .stable_for(at(1000))
        .probes(1, 1)
        .probe_deadline(at(50))
}

fn machine(config: BreakerConfig) -> StateMachine {
    StateMachine::new(config).unwrap()
}

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One call that is admitted and answered at the same moment.
fn call(breaker: &StateMachine, outcome: Outcome, now: Duration) -> Option<Transition> {
    let permit = breaker.admit(now).unwrap();
    breaker.record(permit, outcome, now)
}

/// A breaker that failed once at zero, was probed well at 100 ms, and is closed again.
#[cfg(not(keep_loom))]
fn reclosed(config: BreakerConfig) -> StateMachine {
    let breaker = machine(config);
    breaker.trip(super::Cause::Reported, at(0)).unwrap();
    while breaker.state() != State::Closed {
        call(&breaker, Outcome::Success, at(100));
    }
    breaker
}

#[cfg(not(keep_loom))]
fn probe(breaker: &StateMachine, now: Duration) -> super::Permit {
    let permit = breaker.admit(now).unwrap();
    assert!(permit.is_probe());
    permit
}
