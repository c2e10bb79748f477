//! Real threads on one breaker. The interleavings are small and complete in `interleavings`; these are large.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::super::generation::Generation;
use super::super::window::{Call, Window};
use super::super::{Cause, Permit};
use super::*;

const THREADS: u64 = 4;
const ROUNDS: u64 = 2_000;

/// Every thread hammers a breaker that opens and half-opens all the time. No half-open generation ever has more
/// probes out than there are slots.
#[test]
fn threads_never_have_more_probes_out_than_slots() {
    let breaker = machine(
        quiet()
            .consecutive_failures(1)
            .open_for(at(10), at(10))
            .probes(3, 3),
    );
    let clock = AtomicU64::new(0);
    let out: Mutex<HashMap<u64, u32>> = Mutex::new(HashMap::new());
    let change = |permit: &Permit, by: i32| {
        let mut out = out.lock().unwrap();
        let here = out.entry(permit.generation.bits()).or_default();
        *here = here.checked_add_signed(by).unwrap();
        assert!(*here <= 3, "{here} probes out");
    };
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (breaker, clock, change) = (&breaker, &clock, &change);
            scope.spawn(move || {
                for n in 0..ROUNDS {
                    let now = at(clock.fetch_add(1, Ordering::Relaxed));
                    let Ok(permit) = breaker.admit(now) else {
                        continue;
                    };
                    // Counted after the admission and before the return, so never more than there are.
                    if permit.is_probe() {
                        change(&permit, 1);
                        thread::yield_now();
                        change(&permit, -1);
                    }
                    let outcome = [Outcome::Success, Outcome::Failure, Outcome::Dropped]
                        [((n + thread) % 3) as usize];
                    breaker.record(permit, outcome, now);
                }
            });
        }
    });
    assert!(out.into_inner().unwrap().len() > 10, "it did half-open");
}

/// However many failures arrive at once, one caller is told that the breaker opened.
#[test]
fn one_of_many_threads_is_told_of_a_transition() {
    for _ in 0..200 {
        let breaker = machine(
            quiet()
                .consecutive_failures(3)
                .failure_rate(0.5)
                .minimum_calls(3),
        );
        let permits: Vec<_> = (0..THREADS)
            .map(|_| breaker.admit(at(0)).unwrap())
            .collect();
        let told: usize = thread::scope(|scope| {
            let breaker = &breaker;
            let fail = |&permit| {
                scope.spawn(move || breaker.record(permit, Outcome::Failure, at(1)).is_some())
            };
            let threads: Vec<_> = permits.iter().map(fail).collect();
            threads
                .into_iter()
                .map(|thread| usize::from(thread.join().unwrap()))
                .sum()
        });
        assert_eq!(told, 1);
        assert_eq!(breaker.trip(Cause::Reported, at(1)), None);
    }
}

/// Calls that are counted at once are all counted.
#[test]
fn threads_lose_no_counts() {
    let window = Window::new(at(1000));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let window = &window;
            scope.spawn(move || {
                for n in 0..100 {
                    // Half of the threads are a lap behind: what comes late joins the newer bucket.
                    window.add(
                        Generation::FIRST,
                        Call::Failed,
                        at(3000 + n * 10 - (thread % 2) * 1000),
                    );
                }
            });
        }
    });
    let sum = window.sum(Generation::FIRST, at(3999));
    assert!(
        (200..=400).contains(&sum.failed),
        "at least all of those that are in time: {sum:?}"
    );
}
