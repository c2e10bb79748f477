//! What each setting does, and what each state does with a call.

use super::super::{Cause, Refused};
use super::*;

#[test]
fn a_run_of_failures_opens_and_a_success_ends_it() {
    let breaker = machine(quiet().consecutive_failures(3));
    let run = [
        Outcome::Failure,
        Outcome::Failure,
        Outcome::Success,
        Outcome::Failure,
        Outcome::Neutral,
        Outcome::Failure,
    ];
    for outcome in run {
        assert_eq!(call(&breaker, outcome, at(0)), None, "{outcome:?}");
    }
    let opened = call(&breaker, Outcome::Failure, at(0)).unwrap();
    assert_eq!(
        opened,
        Transition {
            from: State::Closed,
            to: State::Open,
            cause: Cause::ConsecutiveFailures
        }
    );
}

#[test]
fn a_rate_counts_from_the_minimum_of_calls_on() {
    let breaker = machine(quiet().failure_rate(0.5).minimum_calls(10));
    for _ in 0..5 {
        assert_eq!(call(&breaker, Outcome::Success, at(0)), None);
    }
    for _ in 0..4 {
        assert_eq!(call(&breaker, Outcome::Failure, at(0)), None);
    }
    assert_eq!(
        call(&breaker, Outcome::Failure, at(0)).unwrap().cause,
        Cause::FailureRate
    );
}

#[test]
fn failures_that_left_the_window_do_not_count() {
    let breaker = machine(quiet().failure_rate(0.5).minimum_calls(3));
    for now in [0, 50, 100, 150, 200, 250] {
        assert_eq!(
            call(&breaker, Outcome::Failure, at(now)),
            None,
            "at {now} ms"
        );
    }
    assert!(
        call(&breaker, Outcome::Failure, at(255)).is_some(),
        "three in 100 ms"
    );
}

#[test]
fn slow_and_failed_calls_add_up() {
    let breaker = machine(quiet().slow_calls(at(20), 0.5).minimum_calls(4));
    let slow = breaker.admit(at(0)).unwrap();
    assert_eq!(breaker.answered(&slow, at(19)), Outcome::Success);
    assert_eq!(breaker.answered(&slow, at(20)), Outcome::Slow);
    for outcome in [Outcome::Success, Outcome::Success, Outcome::Failure] {
        assert_eq!(call(&breaker, outcome, at(0)), None);
    }
    assert_eq!(
        breaker.record(slow, Outcome::Slow, at(20)).unwrap().cause,
        Cause::SlowCalls
    );
}

#[test]
fn a_slow_probe_does_not_close() {
    let breaker = machine(quiet().slow_calls(at(20), 0.5));
    breaker.trip(Cause::Reported, at(0)).unwrap();
    assert_eq!(
        call(&breaker, Outcome::Slow, at(100)).unwrap().cause,
        Cause::ProbeFailed
    );
}

#[test]
fn a_stall_is_noticed_by_the_watchdog_and_by_the_next_call() {
    for by_call in [false, true] {
        let breaker = machine(quiet().stall_after(at(25)));
        let _hung = [
            breaker.admit(at(0)).unwrap(),
            breaker.admit(at(20)).unwrap(),
        ];
        assert_eq!(breaker.check_stall(at(24)), None);
        let noticed = if by_call {
            breaker.admit(at(25)).unwrap_err().transition
        } else {
            breaker.check_stall(at(25))
        };
        assert_eq!(noticed.unwrap().cause, Cause::Stall);
        assert_eq!(breaker.check_stall(at(26)), None, "reported once");
    }
}

#[test]
fn calls_that_are_dropped_do_not_hide_a_hang() {
    let breaker = machine(quiet().stall_after(at(25)));
    let _hung = breaker.admit(at(0)).unwrap();
    for now in [5, 10, 15, 20].map(at) {
        assert_eq!(call(&breaker, Outcome::Dropped, now), None);
    }
    assert_eq!(breaker.check_stall(at(25)).unwrap().cause, Cause::Stall);
}

#[test]
fn the_watchdog_notices_late_probes() {
    let breaker = machine(quiet());
    breaker.trip(Cause::Reported, at(0)).unwrap();
    let _hung = probe(&breaker, at(100));
    assert_eq!(breaker.check_stall(at(140)), None);
    assert_eq!(
        breaker.check_stall(at(150)).unwrap().cause,
        Cause::ProbeTimeout
    );
}

#[test]
fn open_times_double_until_it_was_stable() {
    let breaker = machine(quiet().open_for(at(100), at(400)));
    let mut now = at(0);
    breaker.trip(Cause::Reported, now).unwrap();
    for expected in [100, 200, 400, 400] {
        let wait = breaker.admit(now).unwrap_err().retry_after;
        assert_eq!(wait, at(expected));
        now += wait;
        call(&breaker, Outcome::Failure, now).unwrap();
    }
    now += at(400);
    call(&breaker, Outcome::Success, now).unwrap();
    breaker.trip(Cause::Reported, now + at(990)).unwrap();
    assert_eq!(
        breaker.admit(now + at(990)).unwrap_err().retry_after,
        at(400),
        "not stable for long enough"
    );
    now += at(990 + 400);
    call(&breaker, Outcome::Success, now).unwrap();
    breaker.trip(Cause::Reported, now + at(1000)).unwrap();
    assert_eq!(
        breaker.admit(now + at(1000)).unwrap_err().retry_after,
        at(100),
        "forgotten"
    );
}

#[test]
fn what_is_stable_stays_so_when_the_clock_of_the_word_comes_round() {
    let breaker = reclosed(quiet().open_for(at(100), at(400)).slow_start(at(1000)));
    breaker.trip(Cause::Reported, at(100)).unwrap();
    call(&breaker, Outcome::Failure, at(200)).unwrap();
    call(&breaker, Outcome::Success, at(400)).unwrap();
    call(&breaker, Outcome::Success, at(5000));
    call(&breaker, Outcome::Success, at(5000));
    let round = at(400) + at(10 << 28);
    assert!(
        (0..100).all(|_| breaker.admit(round).is_ok()),
        "no second slow start"
    );
    breaker.trip(Cause::Reported, round).unwrap();
    assert_eq!(
        breaker.admit(round).unwrap_err().retry_after,
        at(100),
        "no doubling left"
    );
}

#[test]
fn jitter_shortens_open_times_and_differs_between_generations() {
    let waits = |seed| {
        let breaker = machine(
            quiet()
                .open_for(at(10_000), at(10_000))
                .jitter(0.5)
                .jitter_seed(seed),
        );
        let wait = |now| {
            breaker.trip(Cause::Reported, now).unwrap();
            let wait = breaker.admit(now).unwrap_err().retry_after;
            breaker.reset();
            wait
        };
        (0..50).map(|_| wait(at(0))).collect::<Vec<_>>()
    };
    let (one, two) = (waits(1), waits(2));
    assert!(
        one.iter()
            .all(|&wait| wait > at(4990) && wait <= at(10_000)),
        "{one:?}"
    );
    assert!(
        one.iter().any(|&wait| wait < at(7000)) && one.iter().any(|&wait| wait > at(8000)),
        "{one:?}"
    );
    assert_eq!(one, waits(1));
    assert_ne!(one, two);
}

#[test]
fn a_dropped_probe_returns_its_slot_and_nothing_else() {
    let breaker = machine(quiet());
    breaker.trip(Cause::Reported, at(0)).unwrap();
    for now in (100..1000).step_by(50).map(at) {
        let dropped = probe(&breaker, now);
        assert!(breaker.admit(now).is_err());
        assert_eq!(breaker.record(dropped, Outcome::Dropped, now), None);
    }
    assert_eq!(breaker.state(), State::HalfOpen);
    assert_eq!(
        call(&breaker, Outcome::Success, at(1000)).unwrap().to,
        State::Closed
    );
}

#[test]
fn a_permit_given_back_twice_counts_once() {
    let breaker = machine(quiet().probes(2, 2));
    breaker.trip(Cause::Reported, at(0)).unwrap();
    let probe = probe(&breaker, at(100));
    assert_eq!(breaker.record(probe, Outcome::Success, at(100)), None);
    assert_eq!(breaker.record(probe, Outcome::Success, at(100)), None);
    assert_eq!(breaker.state(), State::HalfOpen);
}

#[test]
fn calls_that_may_not_probe_are_refused_until_somebody_else_has_closed_it() {
    let breaker = machine(quiet());
    breaker.trip(Cause::Reported, at(0)).unwrap();
    assert_eq!(
        breaker.admit_if_closed(at(40)).unwrap_err().retry_after,
        at(60)
    );
    assert_eq!(
        breaker.admit_if_closed(at(500)).unwrap_err().state,
        State::Open
    );
    let probe = probe(&breaker, at(500));
    assert_eq!(
        breaker.admit_if_closed(at(500)).unwrap_err().state,
        State::HalfOpen
    );
    breaker.record(probe, Outcome::Success, at(500)).unwrap();
    assert!(!breaker.admit_if_closed(at(500)).unwrap().is_probe());
}

#[test]
fn a_transition_is_told_to_the_caller_that_made_it() {
    let breaker = machine(quiet());
    let tripped = breaker.trip(Cause::Reported, at(0)).unwrap();
    assert_eq!(
        tripped,
        Transition {
            from: State::Closed,
            to: State::Open,
            cause: Cause::Reported
        }
    );
    assert_eq!(breaker.trip(Cause::Reported, at(0)), None);
    let probe = breaker.admit(at(100)).unwrap();
    let half = Transition {
        from: State::Open,
        to: State::HalfOpen,
        cause: Cause::OpenTimeOver,
    };
    assert_eq!(probe.transition(), Some(half));
    let closed = breaker.record(probe, Outcome::Success, at(100)).unwrap();
    assert_eq!(closed.to_string(), "half_open -> closed (recovered)");
}

#[test]
fn forced_states_hold_whatever_happens() {
    let breaker = machine(quiet().consecutive_failures(1));
    breaker.force_open().unwrap();
    for now in (0..100_000).step_by(1000).map(at) {
        assert!(matches!(
            breaker.admit(now),
            Err(Refused {
                state: State::ForcedOpen,
                ..
            })
        ));
        assert_eq!(breaker.trip(Cause::Reported, now), None);
    }
    assert!(!breaker.is_closed());
    breaker.force_closed().unwrap();
    for _ in 0..100 {
        assert_eq!(call(&breaker, Outcome::Failure, at(0)), None);
    }
    assert!(breaker.is_closed());
    assert_eq!(breaker.reset().unwrap().to, State::Closed);
    assert!(call(&breaker, Outcome::Failure, at(0)).is_some());
}

#[test]
fn a_dry_run_tells_what_it_would_have_done_and_admits() {
    let breaker = machine(quiet().consecutive_failures(2).stall_after(at(20)));
    breaker.dry_run().unwrap();
    assert_eq!(call(&breaker, Outcome::Failure, at(0)), None);
    let would = call(&breaker, Outcome::Failure, at(0)).unwrap();
    assert_eq!(
        would,
        Transition {
            from: State::DryRun,
            to: State::DryRun,
            cause: Cause::ConsecutiveFailures
        }
    );
    assert_eq!(
        call(&breaker, Outcome::Failure, at(0)),
        None,
        "it counts anew"
    );

    let _hung = breaker.admit(at(10)).unwrap();
    let next = breaker.admit(at(30)).unwrap();
    assert_eq!(next.transition().unwrap().cause, Cause::Stall);
    assert_eq!(breaker.record(next, Outcome::Success, at(30)), None);
    assert!(breaker.is_closed());
}

#[test]
fn a_slow_start_lets_a_growing_share_pass_evenly() {
    let breaker = reclosed(quiet().slow_start(at(1000)));
    let mut shares = Vec::new();
    let mut longest_gap = 0;
    for tenth in 0..10 {
        let mut gap = 0;
        let mut passed = 0;
        for _ in 0..640 {
            match breaker.admit(at(100 + tenth * 100)) {
                Ok(_) => (passed, gap) = (passed + 1, 0),
                Err(refused) => {
                    gap += 1;
                    assert_eq!(refused.retry_after, at(1000 - tenth * 100));
                }
            }
            longest_gap = longest_gap.max(gap);
        }
        shares.push(passed);
    }
    assert!(
        shares.is_sorted() && shares[0] < 70 && shares[9] > 560,
        "{shares:?}"
    );
    assert!(longest_gap <= 11, "{longest_gap} refusals in a row");
    assert!((0..100).all(|_| breaker.admit(at(1100)).is_ok()));
}

#[test]
fn a_slow_start_admits_its_first_call() {
    assert!(
        reclosed(quiet().slow_start(at(1000)))
            .admit(at(100))
            .is_ok()
    );
}

#[test]
fn a_failure_in_a_slow_start_opens() {
    let breaker = reclosed(quiet().slow_start(at(1000)).consecutive_failures(1));
    assert_eq!(
        call(&breaker, Outcome::Failure, at(100)).unwrap().to,
        State::Open
    );
}
