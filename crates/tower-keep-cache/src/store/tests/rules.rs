//! No rule is there for nothing: without it, a search finds a broken promise.
//!
//! Each rule has a counterexample, found once by exhaustive exploration of a model of the protocol. Here the
//! rule is taken out of the real script (the one line that bears its name) or out of the client, and cases
//! around that counterexample are tried on a real server, until one breaks the promise that the rule is
//! for. The same search around all counterexamples, with all rules in place, finds nothing.

use proptest::prelude::*;

use super::{
    interleavings::search,
    keep::{Keep, Target},
    step::{Client, Op, Promise, any_op},
    world::World,
};

/// How many cases are tried around a counterexample.
const CASES: u32 = 100;

/// A counterexample, and what lies around it: its steps in their order, some of them left out, others
/// in between.
fn around(story: Vec<Op>) -> impl Strategy<Value = Vec<Op>> {
    let between = || proptest::collection::vec(any_op(), 0..3);
    let step = |op: Op| (proptest::bool::weighted(0.95), between(), Just(op));
    let steps: Vec<_> = story.into_iter().map(step).collect();
    (steps, between()).prop_map(|(steps, last)| {
        let mut ops = Vec::new();
        for (kept, before, op) in steps {
            // Rarely anything in between: the further away, the less there is to find.
            ops.extend(before.into_iter().take(usize::from(ops.len() % 4 == 3)));
            if kept {
                ops.push(op);
            }
        }
        ops.extend(last);
        ops
    })
}

async fn with_all_rules() -> World {
    World::new(Keep::redis(str::to_owned).await, Client::AllRules).await
}

/// A store whose scripts have `instead` for the line that ends in `rule`.
async fn without(rule: &str, instead: &str) -> World {
    let change = |source: &'static str| {
        let line = |line: &'static str| if line.ends_with(rule) { instead } else { line };
        source.lines().map(line).collect::<Vec<_>>().join("\n")
    };
    World::new(Keep::redis(change).await, Client::AllRules).await
}

#[track_caller]
fn assert_found(story: Vec<Op>, promise: &'static [Promise], world: impl AsyncFn() -> World) {
    let found = search(CASES, around(story), async || {
        world().await.insisting_on(promise)
    });
    assert!(found.is_some(), "{CASES} cases keep {promise:?}");
}

const fn begin(filler: usize, key: usize, expected: u8) -> Op {
    Op::Begin {
        filler,
        key,
        expected,
    }
}

/// C2: a token that is not the clock. The clock goes back, an invalidation is given a smaller number,
/// and time brings the fill within the law again.
fn a_fill_outlives_a_step_back() -> Vec<Op> {
    vec![
        begin(0, 0, 3),
        Op::Load { filler: 0 },
        Op::Clock(-3),
        Op::Commit { tag: 0 },
        Op::Invalidate { tag: 0, hold: 0 },
        Op::Clock(3),
        Op::Store { filler: 0 },
    ]
}

/// C3: a tag is evicted after its invalidation, and made anew as if nothing had happened.
fn a_tag_comes_back_innocent() -> Vec<Op> {
    vec![
        begin(0, 0, 3),
        Op::Load { filler: 0 },
        Op::Commit { tag: 1 },
        Op::Invalidate { tag: 1, hold: 0 },
        Op::Evict(Target::Tag(1)),
        Op::Store { filler: 0 },
    ]
}

/// C6: an invalidation and the next fill in the same µs, or behind a clock that stands still.
fn a_fill_in_the_microsecond_of_an_invalidation() -> Vec<Op> {
    vec![
        begin(0, 0, 3),
        Op::Load { filler: 0 },
        Op::Store { filler: 0 },
        Op::Commit { tag: 0 },
        Op::Invalidate { tag: 0, hold: 0 },
        begin(0, 0, 3),
    ]
}

/// C7: a failover loses a lease, and its token is given out again.
fn a_token_comes_up_twice() -> Vec<Op> {
    vec![
        begin(0, 1, 6),
        Op::Load { filler: 0 },
        Op::Store { filler: 0 },
        Op::Snapshot,
        begin(1, 0, 3),
        Op::Load { filler: 1 },
        Op::Restore { noticed: false },
        begin(2, 0, 3),
        Op::Store { filler: 1 },
    ]
}

/// C8: between a reader's two reads a failover undoes an invalidation, which is then applied again,
/// with a smaller number than the entry's stamp, on a server that never had that entry.
fn two_reads_around_a_failover() -> Vec<Op> {
    vec![
        begin(0, 1, 6),
        Op::Load { filler: 0 },
        Op::Store { filler: 0 },
        Op::Snapshot,
        Op::Clock(3),
        begin(0, 0, 3),
        Op::Load { filler: 0 },
        Op::Store { filler: 0 },
        Op::Commit { tag: 1 },
        Op::Invalidate { tag: 1, hold: 0 },
        Op::Read {
            reader: 0,
            key: 0,
            expected: 1,
        },
        Op::Restore { noticed: false },
        Op::Clock(-3),
        Op::Invalidate { tag: 1, hold: 0 },
        Op::ReadOn { reader: 0 },
    ]
}

/// C9: the clock is ahead of the time and is lost alone; an invalidation starts from the time again.
fn the_clock_is_lost_alone() -> Vec<Op> {
    vec![
        begin(0, 0, 3),
        Op::Load { filler: 0 },
        Op::Store { filler: 0 },
        Op::Clock(-3),
        Op::Evict(Target::Record),
        Op::Commit { tag: 0 },
        Op::Invalidate { tag: 0, hold: 0 },
    ]
}

/// C10: a filler is told that the content which it found is still good: by then another one's was there and has gone
/// again, and it is that one's body which lies in the store.
fn the_content_comes_back() -> Vec<Op> {
    let commit = || [Op::Commit { tag: 0 }, Op::Invalidate { tag: 0, hold: 0 }];
    let fill = |filler| {
        [
            begin(filler, 0, 3),
            Op::Load { filler },
            Op::Store { filler },
        ]
    };
    let mut ops = fill(0).to_vec();
    ops.push(Op::Look { filler: 1, key: 0 });
    ops.extend(commit());
    ops.extend(fill(0));
    ops.extend(commit());
    ops.extend(fill(1));
    ops
}

/// A holder that can no longer store is waited for.
fn a_void_lease_is_in_the_way() -> Vec<Op> {
    vec![
        begin(0, 0, 3),
        Op::Load { filler: 0 },
        Op::Commit { tag: 0 },
        Op::Invalidate { tag: 0, hold: 0 },
        begin(1, 0, 3),
        Op::Load { filler: 1 },
        Op::Store { filler: 1 },
    ]
}

#[test]
fn with_all_rules_nothing_is_found_around_any_counterexample() {
    for story in [
        a_fill_outlives_a_step_back(),
        a_tag_comes_back_innocent(),
        a_fill_in_the_microsecond_of_an_invalidation(),
        a_token_comes_up_twice(),
        two_reads_around_a_failover(),
        the_clock_is_lost_alone(),
        the_content_comes_back(),
        a_void_lease_is_in_the_way(),
    ] {
        assert_eq!(search(CASES, around(story), with_all_rules), None);
    }
}

#[test]
fn without_r1_one_record_a_lost_clock_leaves_a_stale_entry_is_found() {
    let kept = "  incarnation = 'AAAAAAAAAAAAAAAA'";
    assert_found(the_clock_is_lost_alone(), &[Promise::Fresh], async || {
        without("-- R1", kept).await
    });
}

#[test]
fn without_r2_clock_write_a_stale_store_is_found() {
    let story = a_fill_outlives_a_step_back();
    assert_found(story, &[Promise::Fresh], async || {
        without("-- R2: the clock", "").await
    });
}

#[test]
fn without_r2_later_token_a_refused_fill_is_found() {
    let same = "local token = math.max(now, clock)";
    let story = a_fill_in_the_microsecond_of_an_invalidation();
    assert_found(story, &[Promise::Undisturbed], async || {
        without("-- R2: later than all", same).await
    });
}

#[test]
fn without_r3_nonce_a_store_under_anothers_lease_is_found() {
    let token_only = "local mine = string.find(redis.call('GET', KEYS[2]) or '', \
                      ARGV[1] .. ' ' .. ARGV[2] .. ' ', 1, true)";
    let story = a_token_comes_up_twice();
    assert_found(story, &[Promise::Own], async || {
        without("-- R3", token_only).await
    });
}

#[test]
fn without_r4_floor_a_stale_entry_is_found() {
    let innocent = "  value = 0";
    let story = a_tag_comes_back_innocent();
    assert_found(story, &[Promise::Fresh], async || {
        without("-- R4", innocent).await
    });
}

#[test]
fn without_r5_takeover_a_wait_for_a_void_lease_is_found() {
    let any = "  local good = true";
    assert_found(
        a_void_lease_is_in_the_way(),
        &[Promise::NoVainWait],
        async || without("-- R5", any).await,
    );
}

#[test]
fn without_r6_one_reading_a_stale_read_is_found() {
    let story = two_reads_around_a_failover();
    assert_found(story, &[Promise::Fresh], async || {
        World::new(Keep::redis(str::to_owned).await, Client::WithoutR6).await
    });
}

#[test]
fn without_r10_one_answers_head_before_anothers_body_is_found() {
    let any = "  if old == '' then return 6 end";
    assert_found(the_content_comes_back(), &[Promise::Fresh], async || {
        without("-- R10", any).await
    });
}
