//! The traces on which simpler breakers failed when their states were explored, each with the rule that ends it.

use super::super::Cause;
use super::*;

/// C1, G1: with the deadline beside the word, a failure that came second moved it.
#[test]
fn a_second_failure_does_not_move_the_deadline() {
    let breaker = machine(quiet().consecutive_failures(1));
    let (first, second) = (breaker.admit(at(0)).unwrap(), breaker.admit(at(0)).unwrap());
    breaker.record(first, Outcome::Failure, at(10)).unwrap();
    assert_eq!(breaker.record(second, Outcome::Failure, at(50)), None);
    assert_eq!(breaker.admit(at(60)).unwrap_err().retry_after, at(50));
}

/// C2, G4: a caller that was held up replaced a newer bucket by its own and lost all its counts.
#[test]
fn a_late_writer_loses_no_counts() {
    let breaker = machine(quiet().failure_rate(0.75).minimum_calls(4));
    let late = breaker.admit(at(0)).unwrap();
    for _ in 0..2 {
        assert_eq!(call(&breaker, Outcome::Failure, at(100)), None);
    }
    assert_eq!(
        breaker.record(late, Outcome::Success, at(0)),
        None,
        "same slot, one lap earlier"
    );
    let opened = call(&breaker, Outcome::Failure, at(100)).unwrap();
    assert_eq!(opened.cause, Cause::FailureRate, "three of four");
}

/// C3, G3: outcomes of calls from before a transition filled the window of the next generation.
#[test]
fn straggler_of_an_older_generation_changes_nothing() {
    let breaker = machine(quiet().failure_rate(0.5).minimum_calls(2));
    let stragglers: Vec<_> = (0..10).map(|_| breaker.admit(at(0)).unwrap()).collect();
    breaker.trip(Cause::Reported, at(0)).unwrap();
    for &straggler in &stragglers[..5] {
        assert_eq!(
            breaker.record(straggler, Outcome::Failure, at(90)),
            None,
            "while open"
        );
    }
    let probe = probe(&breaker, at(100));
    for &straggler in &stragglers[5..8] {
        assert_eq!(
            breaker.record(straggler, Outcome::Failure, at(100)),
            None,
            "while half-open"
        );
    }
    breaker.record(probe, Outcome::Success, at(100)).unwrap();
    for &straggler in &stragglers[8..] {
        assert_eq!(
            breaker.record(straggler, Outcome::Failure, at(100)),
            None,
            "once closed again"
        );
    }
    assert_eq!(
        call(&breaker, Outcome::Failure, at(100)),
        None,
        "only one call is in the new window"
    );
    assert!(call(&breaker, Outcome::Failure, at(100)).is_some());
}

/// C4, G5: the run of failures survived the recovery, and the first failure after it opened again.
#[test]
fn a_run_of_failures_ends_with_its_generation() {
    let breaker = machine(quiet().consecutive_failures(2));
    assert_eq!(call(&breaker, Outcome::Failure, at(0)), None);
    assert_eq!(
        call(&breaker, Outcome::Failure, at(0)).unwrap().to,
        State::Open
    );
    assert_eq!(
        call(&breaker, Outcome::Success, at(100)).unwrap().to,
        State::Closed
    );
    assert_eq!(call(&breaker, Outcome::Failure, at(100)), None);
}

/// C5, G6: a call that hung since before the trip tripped every later generation too.
#[test]
fn a_call_that_hangs_trips_once() {
    let breaker = machine(quiet().stall_after(at(20)));
    let hung = breaker.admit(at(0)).unwrap();
    assert_eq!(breaker.check_stall(at(20)).unwrap().cause, Cause::Stall);
    assert_eq!(
        call(&breaker, Outcome::Success, at(120)).unwrap().to,
        State::Closed
    );
    for now in (120..1000).step_by(10).map(at) {
        assert_eq!(breaker.check_stall(now), None);
        assert_eq!(call(&breaker, Outcome::Success, now), None);
    }
    assert_eq!(breaker.record(hung, Outcome::Failure, at(1000)), None);
    assert!(breaker.is_closed());
}

/// C6, G8: with a deadline for the whole cycle, a trickle of healthy answers never closed it.
#[test]
fn a_trickle_of_healthy_probes_closes() {
    let breaker = machine(quiet().probes(2, 2).probe_deadline(at(20)));
    breaker.trip(Cause::Reported, at(0)).unwrap();
    assert_eq!(call(&breaker, Outcome::Success, at(100)), None);
    let second = probe(&breaker, at(5000));
    assert_eq!(
        breaker
            .record(second, Outcome::Success, at(5010))
            .unwrap()
            .to,
        State::Closed
    );
}

/// C7, G8: a probe that never came back kept its slot for ever.
#[test]
fn hung_probe_does_not_wedge_half_open() {
    let breaker = machine(quiet());
    breaker.trip(Cause::Reported, at(0)).unwrap();
    let _hung = probe(&breaker, at(100));
    let full = breaker.admit(at(110)).unwrap_err();
    assert_eq!(
        (full.state, full.retry_after, full.transition),
        (State::HalfOpen, at(40), None)
    );
    let reopened = breaker.admit(at(150)).unwrap_err();
    assert_eq!(reopened.transition.unwrap().cause, Cause::ProbeTimeout);
    assert_eq!(
        call(&breaker, Outcome::Success, at(150) + reopened.retry_after)
            .unwrap()
            .to,
        State::Closed
    );
}

/// C8, G9: a backend whose healthy answers are all 4xx never closed it.
#[test]
fn neutral_answers_close() {
    let breaker = machine(quiet().probes(2, 2));
    breaker.trip(Cause::Reported, at(0)).unwrap();
    assert_eq!(call(&breaker, Outcome::Neutral, at(100)), None);
    assert_eq!(
        call(&breaker, Outcome::Neutral, at(100)).unwrap().to,
        State::Closed
    );
}

/// C9, G2: a forced state that was stored, not swapped, used a generation twice, and old permits became valid.
#[test]
fn no_order_makes_an_old_permit_valid_again() {
    let breaker = machine(quiet().consecutive_failures(1));
    let mut old = Vec::new();
    for _ in 0..3 {
        for order in [
            StateMachine::force_closed,
            StateMachine::dry_run,
            StateMachine::reset,
        ] {
            old.push(breaker.admit(at(0)).unwrap());
            order(&breaker);
        }
        breaker.force_open();
        breaker.reset();
    }
    for permit in old {
        assert_eq!(breaker.record(permit, Outcome::Failure, at(0)), None);
    }
    assert_eq!(breaker.state(), State::Closed);
}

/// C10, G2: counting an admission without looking let more probes through than there are slots.
#[test]
fn never_more_probes_than_slots() {
    let breaker = machine(quiet().probes(2, 2));
    breaker.trip(Cause::Reported, at(0)).unwrap();
    let admitted = (0..100).filter(|_| breaker.admit(at(100)).is_ok()).count();
    assert_eq!(admitted, 2);
}

/// C11, G2: without a new generation on the way, a success from before the trip counted as a probe.
#[test]
fn a_success_from_before_the_trip_is_no_probe() {
    let breaker = machine(quiet());
    let before = breaker.admit(at(0)).unwrap();
    breaker.trip(Cause::Reported, at(0)).unwrap();
    let _probe = probe(&breaker, at(100));
    assert_eq!(breaker.record(before, Outcome::Success, at(100)), None);
    assert_eq!(breaker.state(), State::HalfOpen);
}
