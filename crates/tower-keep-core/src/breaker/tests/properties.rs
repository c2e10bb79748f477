//! Random sequences against the model, and against the promise that no sequence wedges the breaker.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::super::Cause;
use super::model::{BUCKET, Model, Settings};
use super::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Admit {
        may_probe: bool,
    },
    /// Ends one of the calls in flight; those that are never chosen hang.
    Finish {
        which: prop::sample::Index,
        outcome: Outcome,
    },
    Pass(Duration),
    CheckStall,
    Trip,
    Order(State),
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Outcome::Success),
        3 => Just(Outcome::Failure),
        1 => Just(Outcome::Slow),
        1 => Just(Outcome::Neutral),
        1 => Just(Outcome::Dropped),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let order = prop_oneof![
        Just(State::Closed),
        Just(State::DryRun),
        Just(State::ForcedClosed),
        Just(State::ForcedOpen),
    ];
    prop_oneof![
        30 => any::<bool>().prop_map(|sure| Step::Admit { may_probe: sure }),
        20 => Just(Step::Admit { may_probe: true }),
        40 => (any::<prop::sample::Index>(), outcome()).prop_map(|(which, outcome)| Step::Finish { which, outcome }),
        // Whole ticks, so that the model needs no rounding.
        15 => (0_u64..8).prop_map(|ticks| Step::Pass(at(ticks * 10))),
        3 => (8_u64..300).prop_map(|ticks| Step::Pass(at(ticks * 10))),
        4 => Just(Step::CheckStall),
        1 => Just(Step::Trip),
        1 => order.prop_map(Step::Order),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let triggers = (
        option::of(1_u16..5),
        option::of(0.1..=1.0),
        option::of(0.1..=1.0),
        option::of(1_u64..10),
        1_usize..8,
    );
    let times = (1_u64..20, 0_u32..4, 1_u64..60, 1_u64..10);
    let probes = (1_usize..4).prop_flat_map(|probes| (Just(probes), 1..=probes));
    (triggers, times, probes).prop_map(|(triggers, times, (probes, successes))| Settings {
        consecutive: triggers.0,
        failure_rate: triggers.1,
        slow_rate: triggers.2,
        stall: triggers.3.map(|ticks| at(ticks * 10)),
        minimum: triggers.4,
        open: at(times.0 * 10),
        longest: at(times.0 * 10) * (times.1 + 1),
        stable: at(times.2 * 10),
        probes,
        successes,
        deadline: at(times.3 * 10),
    })
}

fn config(settings: Settings) -> BreakerConfig {
    let config = BreakerConfig::new()
        .consecutive_failures(settings.consecutive)
        .failure_rate(settings.failure_rate)
        .stall_after(settings.stall)
        .window(BUCKET * 10)
        .minimum_calls(settings.minimum as u16)
        .open_for(settings.open, settings.longest)
        .jitter(0.0)
        .stable_for(settings.stable)
        .probes(settings.probes as u8, settings.successes as u8)
        .probe_deadline(settings.deadline);
    match settings.slow_rate {
        Some(rate) => config.slow_calls(at(10), rate),
        None => config,
    }
}

fn order(breaker: &StateMachine, state: State) {
    match state {
        State::Closed => breaker.reset(),
        State::DryRun => breaker.dry_run(),
        State::ForcedOpen => breaker.force_open(),
        State::ForcedClosed => breaker.force_closed(),
        State::Open | State::HalfOpen => unreachable!("nobody orders this"),
    };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_machine_does_what_the_model_does(settings in settings(), steps in vec(step(), 1..300)) {
        let breaker = machine(config(settings));
        let mut model = Model::new(settings);
        let mut flights = Vec::new();
        let mut now = at(0);
        for step in steps {
            match step {
                Step::Admit { may_probe } => {
                    let admitted = if may_probe { breaker.admit(now) } else { breaker.admit_if_closed(now) };
                    match (admitted, model.admit(now, may_probe)) {
                        (Ok(permit), Ok(flight)) => flights.push((permit, flight)),
                        (Err(refused), Err(Some(wait))) => prop_assert_eq!(refused.retry_after, wait),
                        (Err(refused), Err(None)) => prop_assert!(refused.retry_after > at(0)),
                        (machine, model) => prop_assert!(false, "machine {machine:?}, model {model:?}"),
                    }
                }
                Step::Finish { which, outcome } => {
                    if !flights.is_empty() {
                        let (permit, flight) = flights.swap_remove(which.index(flights.len()));
                        breaker.record(permit, outcome, now);
                        model.land(flight, outcome, now);
                    }
                }
                Step::Pass(time) => now += time,
                Step::CheckStall => {
                    breaker.check_stall(now);
                    model.notice(now, true);
                }
                Step::Trip => {
                    breaker.trip(Cause::Reported, now);
                    model.trip(now);
                }
                Step::Order(state) => {
                    order(&breaker, state);
                    // The machine does not note when it was reset: nothing that was reset needs to become stable.
                    model.force(state, now);
                }
            }
            prop_assert_eq!(breaker.state(), model.state(), "after {:?} at {:?}", step, now);
        }
    }

    /// Whatever has happened, and though every call from now on hangs: nobody is refused for longer than the longest
    /// open time and the probes' deadline. Clocks may be read up to a second early.
    #[test]
    fn no_sequence_leaves_it_rejecting(
        settings in settings(),
        slow_start in option::of(1_u64..30),
        jitter in 0.0..0.9,
        steps in vec((step(), 0_u64..1000), 1..200),
    ) {
        let breaker = machine(config(settings).slow_start(slow_start.map(|ticks| at(ticks * 10))).jitter(jitter));
        let mut now = random_walk(&breaker, &steps);
        let longest = settings.longest + settings.deadline + at(20);
        let (mut admitted, end) = (now, now + longest * 20);
        while now < end {
            match breaker.admit(now) {
                Ok(_) => admitted = now,
                Err(refused) => prop_assert!(now - admitted <= longest, "{refused:?} for {:?}", now - admitted),
            }
            now += at(10);
        }
    }

    /// Whatever has happened: once every new call is answered well, it closes within the longest open time, the
    /// probes' deadline, and one call for each probe.
    #[test]
    fn health_closes_it(
        settings in settings(), steps in vec((step(), 0_u64..1000), 1..200), gap in 1_u64..20,
    ) {
        let breaker = machine(config(settings));
        let mut now = random_walk(&breaker, &steps);
        let gap = at(gap * 10);
        let end = now + settings.longest + settings.deadline + gap * (settings.probes as u32 + 2) + at(20);
        while breaker.state() != State::Closed {
            prop_assert!(now <= end, "still {:?}", breaker);
            if let Ok(permit) = breaker.admit(now) {
                breaker.record(permit, Outcome::Success, now);
            }
            now += gap;
        }
    }
}

/// Takes the steps, each at a clock that was read some milliseconds early, and ends in a state that was not ordered.
fn random_walk(breaker: &StateMachine, steps: &[(Step, u64)]) -> Duration {
    let mut now = at(1000);
    let mut flights = Vec::new();
    for &(step, early) in steps {
        let read = now - at(early);
        match step {
            Step::Admit { may_probe: true } => flights.extend(breaker.admit(read)),
            Step::Admit { may_probe: false } => flights.extend(breaker.admit_if_closed(read)),
            Step::Finish { which, outcome } if !flights.is_empty() => {
                breaker.record(
                    flights.swap_remove(which.index(flights.len())),
                    outcome,
                    read,
                );
            }
            Step::Finish { .. } => {}
            Step::Pass(time) => now += time,
            Step::CheckStall => drop(breaker.check_stall(read)),
            Step::Trip => drop(breaker.trip(Cause::Reported, read)),
            Step::Order(state) => order(breaker, state),
        }
    }
    if matches!(
        breaker.state(),
        State::ForcedOpen | State::ForcedClosed | State::DryRun
    ) {
        breaker.reset();
    }
    now
}
