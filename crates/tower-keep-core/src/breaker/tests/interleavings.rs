//! Every interleaving of two or three callers, explored by loom:
//! `RUSTFLAGS="--cfg keep_loom" cargo test -p tower-keep-core --lib breaker::tests::interleavings`

use loom::sync::Arc;
use loom::thread;

use super::super::generation::Generation;
use super::super::window::{Call, Window};
use super::super::{Cause, Refused};
use super::*;

/// Runs both at once, in every order of their atomic steps, and hands their answers to `check`.
fn race<A: Send + 'static, B: Send + 'static>(
    breaker: impl Fn() -> StateMachine + Send + Sync + 'static,
    one: impl Fn(&StateMachine) -> A + Clone + Send + Sync + 'static,
    other: impl Fn(&StateMachine) -> B + Send + Sync + 'static,
    check: impl Fn(&StateMachine, A, B) + Send + Sync + 'static,
) {
    loom::model(move || {
        let breaker = Arc::new(breaker());
        let here = thread::spawn({
            let (breaker, one) = (breaker.clone(), one.clone());
            move || one(&breaker)
        });
        let there = other(&breaker);
        check(&breaker, here.join().unwrap(), there);
    });
}

fn tripped(config: BreakerConfig) -> StateMachine {
    let breaker = machine(config);
    breaker.trip(Cause::Reported, at(0)).unwrap();
    breaker
}

/// C1: the deadline is that of the one caller who opened it.
#[test]
fn the_deadline_belongs_to_the_caller_that_opened() {
    let fail =
        |now| move |breaker: &StateMachine| (now, call_if_admitted(breaker, Outcome::Failure, now));
    race(
        || machine(quiet().consecutive_failures(1)),
        fail(at(10)),
        fail(at(50)),
        |breaker, (one, first), (other, second)| {
            assert!(
                first.is_some() != second.is_some(),
                "one transition, told once"
            );
            let opened = if first.is_some() { one } else { other };
            let left = breaker.admit(at(60)).unwrap_err().retry_after;
            assert_eq!(at(60) + left, opened + at(100));
        },
    );
}

/// C10: the step to half-open and the slots are taken by one caller each.
#[test]
fn one_slot_admits_one_of_two() {
    let admit = |breaker: &StateMachine| breaker.admit(at(100)).is_ok();
    race(
        || tripped(quiet()),
        admit,
        admit,
        |_, one, other| assert!(one != other),
    );
}

#[test]
fn two_slots_admit_both_and_count_both() {
    let admit = |breaker: &StateMachine| breaker.admit(at(100)).is_ok();
    race(
        || tripped(quiet().probes(2, 2)),
        admit,
        admit,
        |breaker, one, other| {
            assert!(one && other);
            assert!(matches!(
                breaker.admit(at(100)),
                Err(Refused {
                    state: State::HalfOpen,
                    ..
                })
            ));
        },
    );
}

/// C9: an order and a trip at once are two transitions with two generations, or the trip comes too late.
#[test]
fn an_order_and_a_trip_never_share_a_generation() {
    race(
        || machine(quiet()),
        |breaker| (breaker.force_closed(), breaker.admit(at(0))).1,
        |breaker| (breaker.admit(at(0)), breaker.trip(Cause::Reported, at(0))).0,
        |breaker, _, before| {
            assert_eq!(breaker.state(), State::ForcedClosed);
            breaker.dry_run();
            let permit = breaker.admit(at(0)).unwrap();
            if let Ok(before) = before {
                assert_ne!(before.generation, permit.generation);
            }
        },
    );
}

/// C3: an outcome whose generation ends while it is being counted does not reach the next window.
#[test]
fn a_late_count_does_not_reach_the_next_window() {
    loom::model(|| {
        let breaker = Arc::new(machine(quiet().failure_rate(0.5).minimum_calls(3)));
        let late = fail_in_a_thread(&breaker);
        breaker.reset();
        assert_eq!(call(&breaker, Outcome::Success, at(0)), None);
        assert_eq!(late.join().unwrap(), None);
        assert_eq!(
            call(&breaker, Outcome::Failure, at(0)),
            None,
            "the second call in this window"
        );
        assert!(
            call(&breaker, Outcome::Failure, at(0)).is_some(),
            "the third"
        );
    });
}

/// C4: the same for the run of failures.
#[test]
fn a_late_failure_does_not_lengthen_the_next_run() {
    loom::model(|| {
        let breaker = Arc::new(machine(quiet().consecutive_failures(2)));
        let late = fail_in_a_thread(&breaker);
        breaker.reset();
        assert_eq!(call(&breaker, Outcome::Failure, at(0)), None);
        assert_eq!(late.join().unwrap(), None);
        assert!(
            call(&breaker, Outcome::Failure, at(0)).is_some(),
            "the second of this generation"
        );
    });
}

/// C2: of two callers in one slot, the one whose clock is a lap behind loses no count of the other.
#[test]
fn a_late_lap_loses_no_count() {
    loom::model(|| {
        let window = Arc::new(Window::new(at(100)));
        let late = thread::spawn({
            let window = window.clone();
            move || window.add(Generation::FIRST, Call::Good, at(0))
        });
        window.add(Generation::FIRST, Call::Failed, at(100));
        window.add(Generation::FIRST, Call::Failed, at(100));
        late.join().unwrap();
        assert_eq!(window.sum(Generation::FIRST, at(100)).failed, 2);
    });
}

/// A probe that is dropped while another one succeeds: the slot comes back, the success counts.
#[test]
fn a_dropped_probe_and_a_success_both_count() {
    loom::model(|| {
        let breaker = Arc::new(tripped(quiet().probes(2, 2)));
        let (good, dropped) = (
            breaker.admit(at(100)).unwrap(),
            breaker.admit(at(100)).unwrap(),
        );
        let here = thread::spawn({
            let breaker = breaker.clone();
            move || breaker.record(dropped, Outcome::Dropped, at(110))
        });
        breaker.record(good, Outcome::Success, at(110));
        here.join().unwrap();
        let second = breaker.admit(at(110)).unwrap();
        assert!(breaker.admit(at(110)).is_err(), "one slot was free");
        assert_eq!(
            breaker
                .record(second, Outcome::Success, at(110))
                .unwrap()
                .to,
            State::Closed
        );
    });
}

/// The last success and the probes' deadline at once: it closes or it opens, and one caller is told.
#[test]
fn a_success_at_the_deadline_closes_or_opens() {
    loom::model(|| {
        let breaker = Arc::new(tripped(quiet()));
        let probe = breaker.admit(at(100)).unwrap();
        let watchdog = thread::spawn({
            let breaker = breaker.clone();
            move || breaker.check_stall(at(150))
        });
        let closed = breaker.record(probe, Outcome::Success, at(150));
        let opened = watchdog.join().unwrap();
        assert!(closed.is_some() != opened.is_some());
        assert_eq!(breaker.is_closed(), closed.is_some());
    });
}

/// C5: calls that start and end while the generation changes leave nothing in flight behind.
#[test]
fn the_stall_cell_ends_empty() {
    let pass = |breaker: &StateMachine| {
        let permit = breaker.admit(at(0)).unwrap();
        breaker.record(permit, Outcome::Success, at(0));
    };
    race(
        || machine(quiet().stall_after(at(20))),
        pass,
        move |breaker| {
            breaker.reset();
            pass(breaker);
        },
        |breaker, (), ()| assert_eq!(breaker.check_stall(at(1000)), None),
    );
}

fn call_if_admitted(breaker: &StateMachine, outcome: Outcome, now: Duration) -> Option<Transition> {
    breaker
        .admit(now)
        .ok()
        .and_then(|permit| breaker.record(permit, outcome, now))
}

/// Admits a call now and lets it fail at any time from now on.
fn fail_in_a_thread(breaker: &Arc<StateMachine>) -> thread::JoinHandle<Option<Transition>> {
    let (breaker, permit) = (breaker.clone(), breaker.admit(at(0)).unwrap());
    thread::spawn(move || breaker.record(permit, Outcome::Failure, at(0)))
}
