//! Random interleavings of fills, writers, readers, evictions, clock steps and restarts: what is
//! promised holds in all of them.

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
use tokio::runtime::Runtime;

use super::{
    keep::Keep,
    step::{Client, Op, any_op},
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
                .map_err(|broken| TestCaseError::fail(format!("{broken:?}")))
        })
    });
    match found {
        Ok(()) => None,
        Err(TestError::Fail(broken, ops)) => Some(format!("{broken}: {ops:?}")),
        Err(other) => panic!("{other}"),
    }
}

fn steps() -> impl Strategy<Value = Vec<Op>> {
    proptest::collection::vec(any_op(), 1..60)
}

#[test]
fn in_this_process_no_interleaving_breaks_a_promise() {
    let found = search(5000, steps(), async || {
        World::new(Keep::memory(), Client::AllRules).await
    });
    assert_eq!(found, None);
}

#[test]
fn on_redis_no_interleaving_breaks_a_promise() {
    let found = search(500, steps(), async || {
        World::new(Keep::redis(str::to_owned).await, Client::AllRules).await
    });
    assert_eq!(found, None);
}
