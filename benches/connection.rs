//! Instructions and allocations of the connection and of the breaker, per thousand operations.
//!
//! `cargo bench --bench connection`; needs valgrind and `cargo install gungraun-runner --version 0.18.1`.

#![allow(
    missing_docs,
    unused_qualifications,
    reason = "the macros of the harness make items"
)]

mod setup;

use std::hint::black_box;
use std::time::Duration;

use gungraun::prelude::*;
use tower_keep::breaker::{BreakerConfig, Outcome, StateMachine};

use setup::{Away, Bare, Connected, REQUESTS};

fn breaker(stall_after: Option<Duration>) -> StateMachine {
    let breaker =
        StateMachine::new(BreakerConfig::new().stall_after(stall_after)).expect("good settings");
    pass(&breaker);
    breaker
}

/// One call that is admitted and succeeds.
fn pass(breaker: &StateMachine) {
    let now = black_box(Duration::from_secs(1));
    let permit = breaker.admit(now).expect("closed");
    black_box(breaker.record(permit, Outcome::Success, now));
}

fn open() -> StateMachine {
    let breaker = StateMachine::new(BreakerConfig::new()).expect("good settings");
    breaker.force_open();
    breaker
}

// A bare GET through the manager: what a cache hit is measured against.
#[library_benchmark]
#[bench::bytes_1k(args = [1024], setup = Connected::with)]
#[bench::bytes_100k(args = [100 * 1024], setup = Connected::with)]
fn get(stored: Connected) -> Connected {
    stored.get(REQUESTS);
    stored
}

// The client library alone, which checks byte strings for UTF-8 and would send again after a reconnect.
#[library_benchmark]
#[bench::bytes_1k(args = [1024], setup = Bare::with)]
#[bench::bytes_100k(args = [100 * 1024], setup = Bare::with)]
fn bare_get(stored: Bare) -> Bare {
    stored.get(REQUESTS);
    stored
}

#[library_benchmark]
#[bench::bytes_1k(args = [1024], setup = Connected::with)]
fn script(stored: Connected) -> Connected {
    stored.script(REQUESTS);
    stored
}

#[library_benchmark]
#[bench::bytes_1k(args = [1024], setup = Bare::with)]
fn bare_script(stored: Bare) -> Bare {
    stored.script(REQUESTS);
    stored
}

// Three keys.
#[library_benchmark]
#[bench::bytes_1k(args = [1024], setup = Connected::with)]
fn mget(stored: Connected) -> Connected {
    stored.mget(REQUESTS);
    stored
}

#[library_benchmark]
#[bench::bytes_1k(args = [1024], setup = Bare::with)]
fn bare_mget(stored: Bare) -> Bare {
    stored.mget(REQUESTS);
    stored
}

// What a GET costs while the manager knows that Redis is away.
#[library_benchmark]
#[bench::away(setup = Away::new)]
fn get_refused(away: Away) -> Away {
    away.get(REQUESTS);
    away
}

#[library_benchmark]
#[bench::closed(args = [None], setup = breaker)]
#[bench::closed_with_stall(args = [Some(Duration::from_secs(60))], setup = breaker)]
fn admit_and_record(breaker: StateMachine) -> StateMachine {
    (0..REQUESTS).for_each(|_| pass(&breaker));
    breaker
}

#[library_benchmark]
#[bench::open(setup = open)]
fn refuse(breaker: StateMachine) -> StateMachine {
    for _ in 0..REQUESTS {
        black_box(breaker.admit(black_box(Duration::from_secs(1)))).expect_err("forced open");
    }
    breaker
}

library_benchmark_group!(
    name = connection,
    benchmarks = [
        get,
        bare_get,
        script,
        bare_script,
        mget,
        bare_mget,
        get_refused
    ]
);
library_benchmark_group!(
    name = breaker_machine,
    benchmarks = [admit_and_record, refuse]
);
main!(
    config = setup::config(),
    library_benchmark_groups = [connection, breaker_machine]
);
