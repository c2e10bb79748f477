//! Random interleavings of fills, writers, readers, evictions, clock steps and restarts: what is
//! promised holds in all of them.

use std::sync::{Arc, atomic::Ordering};

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
use tokio::runtime::Runtime;

use super::{
    keep::{KEYS, Keep, TAGS},
    step::{Client, FILLERS, Op, READERS, any_op, any_tags},
    world::World,
};

/// Runs as many cases, the same ones each time. `Some` is a case in which a promise was broken, as
/// short as it could be made.
pub(super) fn search(
    cases: u32,
    ops: impl Strategy<Value = Vec<Op>>,
    world: impl AsyncFn() -> World,
) -> Option<String> {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let runtime = Runtime::new().unwrap();
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let found = TestRunner::new_with_rng(config, random).run(&ops, |ops| {
        runtime.block_on(async {
            world()
                .await
                .run(&ops)
                .await
                .map_err(|broken| TestCaseError::fail(format!("{:?}: {}", broken.0, broken.1)))
        })
    });
    match found {
        Ok(()) => None,
        Err(TestError::Fail(broken, ops)) => Some(format!("{broken}: {ops:?}")),
        Err(other) => panic!("{other}"),
    }
}

/// Steps in any order, and among them some that follow each other as they do when nothing goes wrong: else
/// little would ever be stored and found.
fn steps() -> impl Strategy<Value = Vec<Op>> {
    let fill = (0..FILLERS, 0..KEYS, any_tags()).prop_map(|(filler, key, expected)| {
        vec![
            Op::Begin {
                filler,
                key,
                expected,
            },
            Op::Load { filler },
            Op::Store { filler },
        ]
    });
    let write = (0..TAGS).prop_map(|tag| vec![Op::Commit { tag }, Op::Invalidate { tag, hold: 0 }]);
    let read = (0..READERS, 0..KEYS, any_tags()).prop_map(|(reader, key, expected)| {
        vec![
            Op::Read {
                reader,
                key,
                expected,
            },
            Op::ReadOn { reader },
        ]
    });
    let one = any_op().prop_map(|op| vec![op]);
    let some = prop_oneof![8 => one, 2 => fill, 1 => write, 1 => read];
    proptest::collection::vec(some, 1..50).prop_map(|steps| steps.concat())
}

/// The same on each store.
fn assert_kept(cases: u32, keep: impl AsyncFn() -> Keep) {
    let served = Arc::default();
    let found = search(cases, steps(), async || {
        World::new(keep().await, Client::AllRules)
            .await
            .counting(&served)
    });
    assert_eq!(found, None);
    let served = served.load(Ordering::Relaxed);
    assert!(
        served > u64::from(cases),
        "something was had only {served} times"
    );
}

#[test]
fn in_this_process_no_interleaving_breaks_a_promise() {
    assert_kept(5000, async || Keep::memory());
}

#[test]
fn on_redis_no_interleaving_breaks_a_promise() {
    assert_kept(500, async || Keep::redis(str::to_owned).await);
}
