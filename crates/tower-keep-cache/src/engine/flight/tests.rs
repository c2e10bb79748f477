use std::collections::HashSet;

use proptest::prelude::*;

use super::Flight;

/// Who may have the bytes, as `Flight::entitled` says it or as a mutant does.
type Rule = fn(&Flight<usize>, bool) -> usize;

const REQUESTS: usize = 3;
const COMMITS: u8 = 2;

/// One key and its tag in a store that keeps the fill protocol, a row with versions, a writer, requests, and the
/// driver's steps around a real `Flight`.
#[derive(Clone, Eq, Hash, PartialEq)]
struct World {
    clock: u8,
    tag: u8,
    /// The token of the lease, if one is held.
    lease: Option<u8>,
    /// Stamp and version of the entry.
    entry: Option<(u8, u8)>,
    row: u8,
    writer: Writer,
    /// The version that the last acknowledged invalidation was for.
    known: u8,
    requests: [Request; REQUESTS],
    flight: Flight<usize>,
    driver: Driver,
}

#[derive(Clone, Copy, Eq, Hash, PartialEq)]
enum Writer {
    Idle,
    Committed,
    Invalidated,
}

#[derive(Clone, Copy, Eq, Hash, PartialEq)]
enum Request {
    NotYet,
    /// Has begun, and must not get less than this version.
    Begun(u8),
    /// Has found nothing, and joins next.
    Missed(u8),
    Waits(u8),
    Leads(u8),
    Served,
}

#[derive(Clone, Copy, Eq, Hash, PartialEq)]
enum Driver {
    None,
    Begins,
    BeginSent,
    Leads { token: u8, leader: usize },
    Loaded { token: u8, version: u8 },
    StoreSent { token: u8, version: u8 },
    Stored { version: u8 },
    Ended,
    LookSent,
    Looked(Option<u8>),
}

impl World {
    fn new() -> Self {
        Self {
            clock: 0,
            tag: 0,
            lease: None,
            entry: None,
            row: 0,
            writer: Writer::Idle,
            known: 0,
            requests: [Request::NotYet; REQUESTS],
            flight: Flight::new(),
            driver: Driver::None,
        }
    }

    fn servable(&self) -> Option<u8> {
        self.entry
            .filter(|(stamp, _)| self.tag < *stamp)
            .map(|(_, version)| version)
    }

    /// Everything that can happen next. An error: a request was given less than it must get.
    fn steps(&self, rule: Rule) -> Result<Vec<Self>, String> {
        let mut next = Vec::new();
        self.writer_step(&mut next);
        for index in 0..REQUESTS {
            self.request_step(index, &mut next)?;
        }
        self.driver_step(rule, &mut next)?;
        Ok(next)
    }

    fn writer_step(&self, next: &mut Vec<Self>) {
        let mut world = self.clone();
        match self.writer {
            Writer::Idle if self.row < COMMITS => {
                world.row += 1;
                world.writer = Writer::Committed;
            }
            Writer::Idle => return,
            Writer::Committed => {
                world.clock += 1;
                world.tag = world.clock;
                world.writer = Writer::Invalidated;
            }
            Writer::Invalidated => {
                world.known = world.row;
                world.writer = Writer::Idle;
            }
        }
        next.push(world);
    }

    fn request_step(&self, index: usize, next: &mut Vec<Self>) -> Result<(), String> {
        let mut world = self.clone();
        match self.requests[index] {
            // They are alike: let them begin in order.
            Request::NotYet if index == 0 || self.requests[index - 1] != Request::NotYet => {
                world.requests[index] = Request::Begun(self.known);
            }
            Request::Begun(least) => match self.servable() {
                Some(version) => world.serve(index, version)?,
                None => world.requests[index] = Request::Missed(least),
            },
            Request::Missed(least) => {
                world.flight.join(index, |_| true);
                world.requests[index] = Request::Waits(least);
                if self.driver == Driver::None {
                    world.driver = Driver::Begins;
                }
            }
            Request::NotYet | Request::Waits(_) | Request::Leads(_) | Request::Served => {
                return Ok(());
            }
        }
        next.push(world);
        Ok(())
    }

    fn driver_step(&self, rule: Rule, next: &mut Vec<Self>) -> Result<(), String> {
        let mut world = self.clone();
        world.driver = match self.driver {
            Driver::None => return Ok(()),
            Driver::Begins => {
                world.flight.begin();
                Driver::BeginSent
            }
            Driver::BeginSent => {
                world.clock += 1;
                world.lease = Some(world.clock);
                let leader = world.flight.elect(|_| true).expect("nobody leaves here");
                let Request::Waits(least) = self.requests[leader] else {
                    return Err("no waiter leads".into());
                };
                world.requests[leader] = Request::Leads(least);
                Driver::Leads {
                    token: world.clock,
                    leader,
                }
            }
            Driver::Leads { token, leader } => {
                world.serve(leader, self.row)?;
                Driver::Loaded {
                    token,
                    version: self.row,
                }
            }
            Driver::Loaded { token, version } => {
                world.flight.close();
                world.share(rule(&self.closed(), false), version)?;
                Driver::StoreSent { token, version }
            }
            Driver::StoreSent { token, version } => {
                world.lease = None;
                if self.lease == Some(token) && self.tag < token {
                    world.entry = Some((token, version));
                    Driver::Stored { version }
                } else {
                    Driver::Ended
                }
            }
            Driver::Stored { version } => {
                world.share(rule(&self.flight, true), version)?;
                Driver::Ended
            }
            Driver::Ended => {
                if world.flight.next(|_| true) {
                    world.flight.begin();
                    Driver::LookSent
                } else {
                    Driver::None
                }
            }
            Driver::LookSent => Driver::Looked(self.servable()),
            Driver::Looked(Some(version)) => {
                world.share(rule(&self.flight, false), version)?;
                Driver::Ended
            }
            Driver::Looked(None) => Driver::Begins,
        };
        next.push(world);
        Ok(())
    }

    fn closed(&self) -> Flight<usize> {
        let mut flight = self.flight.clone();
        flight.close();
        flight
    }

    fn share(&mut self, count: usize, version: u8) -> Result<(), String> {
        for index in self.flight.take(count) {
            self.serve(index, version)?;
        }
        Ok(())
    }

    fn serve(&mut self, index: usize, version: u8) -> Result<(), String> {
        let (Request::Begun(least) | Request::Waits(least) | Request::Leads(least)) =
            self.requests[index]
        else {
            return Err(format!("request {index} was served and does not wait"));
        };
        if version < least {
            return Err(format!(
                "request {index} got version {version} after {least} was acknowledged"
            ));
        }
        self.requests[index] = Request::Served;
        Ok(())
    }
}

/// Every interleaving. Returns how many states there are, or the first violation.
fn explore(rule: Rule) -> Result<usize, String> {
    let mut seen = HashSet::new();
    let mut open = vec![World::new()];
    while let Some(world) = open.pop() {
        if seen.contains(&world) {
            continue;
        }
        let next = world.steps(rule)?;
        if next.is_empty()
            && world
                .requests
                .iter()
                .any(|request| *request != Request::Served)
        {
            return Err("a request waits for ever".into());
        }
        open.extend(next);
        seen.insert(world);
    }
    Ok(seen.len())
}

fn assert_stale(mutant: Rule) {
    let violation = explore(mutant).unwrap_err();
    assert!(violation.contains("was acknowledged"), "{violation}");
}

#[test]
fn no_interleaving_gives_a_request_less_than_it_knows_of() {
    let states = explore(Flight::entitled).unwrap();
    assert!(states > 10_000, "{states} states are no exploration");
}

/// C1: a request that begins after the invalidation joins the old flight and gets the old value.
#[test]
fn without_the_join_rule_c1_is_found() {
    let everybody: Rule = |flight, _| flight.waiters.len();
    assert_stale(everybody);
}

#[test]
fn without_the_gate_of_the_store_a_stale_copy_is_found() {
    let without_asking: Rule = |flight, _| flight.closed.unwrap_or(flight.begun);
    assert_stale(without_asking);
}

/// The store answers "stored", the row is written and invalidated, and only then a request joins.
#[test]
fn with_joiners_after_the_store_was_sent_a_stale_copy_is_found() {
    let also_later: Rule = |flight, stored| {
        if stored {
            flight.waiters.len()
        } else {
            flight.begun
        }
    };
    assert_stale(also_later);
}

/// What was read before a request joined is none of its business either.
#[test]
fn with_a_shared_look_for_later_joiners_a_stale_copy_is_found() {
    let look_for_all: Rule = |flight, stored| match flight.closed {
        Some(_) => flight.entitled(stored),
        None => flight.waiters.len(),
    };
    assert_stale(look_for_all);
}

proptest! {
    /// The watermarks stay with the waiters that they were set behind, whoever leaves in between.
    #[test]
    fn those_who_leave_change_nothing_for_the_others(
        early in 0..20_usize, late in 0..20_usize, later in 0..20_usize, gone: [bool; 60], elections in 0..4_usize,
    ) {
        let live = |index: &usize| !gone[*index];
        let mut flight = Flight::new();
        for index in 0..early + late + later {
            if index == early {
                flight.begin();
            }
            if index == early + late {
                flight.close();
            }
            flight.join(index, live);
        }
        if late + later == 0 {
            flight.begin();
        }
        if later == 0 {
            flight.close();
        }
        let elected: Vec<usize> = (0..elections).filter_map(|_| flight.elect(live)).collect();
        flight.prune(live);
        let rest = |from: usize, to: usize| (from..to).filter(|index| live(index) && !elected.contains(index)).collect::<Vec<_>>();
        prop_assert_eq!(flight.take(flight.entitled(false)), rest(0, early));
        prop_assert_eq!(flight.take(flight.entitled(true)), rest(early, early + late));
        prop_assert_eq!(flight.next(live), !rest(early + late, 60.min(early + late + later)).is_empty());
        prop_assert_eq!(flight.take_all(), rest(early + late, early + late + later));
    }
}
