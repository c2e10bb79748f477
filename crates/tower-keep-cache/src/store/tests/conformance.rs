//! The store in this process and the one in Redis are twins: with the same clock, the same operations
//! get the same answers, and leave the same numbers behind, to the µs.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use tokio::runtime::Runtime;

use super::keep::{Image, KEYS, Keep, TAGS, Target, ids, key, tags};
use crate::{
    entry::Entry,
    store::{Begin, Found, Lease, Lookup, MissCause, Revision},
};

#[derive(Clone, Debug)]
enum Op {
    Clock(i64),
    Lookup {
        key: usize,
        expected: u8,
    },
    Poll {
        key: usize,
        expected: u8,
    },
    Begin {
        key: usize,
        expected: u8,
    },
    Renew {
        lease: usize,
    },
    Store {
        lease: usize,
        own: u8,
    },
    /// As `Store`, with a new head for what the last look has found.
    Update {
        lease: usize,
        own: u8,
    },
    Release {
        lease: usize,
    },
    Invalidate {
        tags: u8,
        hold: u64,
    },
    Flush,
    Evict(Target),
    Snapshot,
    Restore,
}

const LEASES: usize = 3;

/// In all of a run less than 1 ms, so that nothing ends by the twin's clock that does not end by the
/// server's.
const STEP: i64 = 12;
const STEPS: usize = 60;

fn op() -> impl Strategy<Value = Op> {
    let mask = 0..1_u8 << TAGS;
    let target = prop_oneof![
        Just(Target::Record),
        (0..TAGS).prop_map(Target::Tag),
        (0..KEYS).prop_map(Target::Lease),
        (0..KEYS).prop_map(Target::Entry),
    ];
    prop_oneof![
        3 => (-STEP..=STEP).prop_map(Op::Clock),
        4 => (0..KEYS, mask.clone()).prop_map(|(key, expected)| Op::Lookup { key, expected }),
        2 => (0..KEYS, mask.clone()).prop_map(|(key, expected)| Op::Poll { key, expected }),
        8 => (0..KEYS, mask.clone()).prop_map(|(key, expected)| Op::Begin { key, expected }),
        1 => (0..LEASES).prop_map(|lease| Op::Renew { lease }),
        8 => (0..LEASES, mask.clone()).prop_map(|(lease, own)| Op::Store { lease, own }),
        4 => (0..LEASES, mask.clone()).prop_map(|(lease, own)| Op::Update { lease, own }),
        1 => (0..LEASES).prop_map(|lease| Op::Release { lease }),
        4 => (mask, prop_oneof![3 => Just(0), 1 => 0..40_u64])
            .prop_map(|(tags, hold)| Op::Invalidate { tags, hold }),
        1 => Just(Op::Flush),
        2 => target.prop_map(Op::Evict),
        1 => Just(Op::Snapshot),
        1 => Just(Op::Restore),
    ]
}

/// One of the twins, and the leases that it gave.
struct Twin {
    keep: Keep,
    now: u64,
    leases: Vec<(usize, Lease)>,
    found: Option<(Arc<Entry>, Revision)>,
    snapshot: Option<Image>,
}

impl Twin {
    async fn new(mut keep: Keep) -> Self {
        keep.set_clock(1_000_000).await;
        Self {
            keep,
            now: 1_000_000,
            leases: Vec::new(),
            found: None,
            snapshot: None,
        }
    }

    /// The answer, without what is random in it.
    async fn answer(&mut self, op: &Op) -> String {
        let store = self.keep.store();
        match *op {
            Op::Clock(step) => {
                self.now = self.now.saturating_add_signed(step);
                self.keep.set_clock(self.now).await;
                String::new()
            }
            Op::Lookup {
                key: number,
                expected,
            } => match store.lookup(&key(number), &tags(expected)).await.unwrap() {
                Lookup::Hit(Found {
                    entry,
                    tags,
                    revision,
                }) => {
                    let text = format!("{entry:?} {tags:?} {}", revision.stamp);
                    self.found = Some((entry, revision));
                    text
                }
                // Which of two tags is found wanting first depends on which were asked for.
                Lookup::Miss(MissCause::TagMissing | MissCause::Invalidated) => "overtaken".into(),
                Lookup::Miss(cause) => format!("{cause:?}"),
            },
            Op::Poll {
                key: number,
                expected,
            } => {
                let polled = store.poll(&key(number), &ids(expected)).await.unwrap();
                let found = match polled.found {
                    Lookup::Hit(Found { entry, tags, .. }) => format!("{entry:?} {tags:?}"),
                    Lookup::Miss(_) => String::new(),
                };
                format!("{found} {}", polled.held)
            }
            Op::Begin {
                key: number,
                expected,
            } => {
                match store
                    .begin_fill(&key(number), &ids(expected))
                    .await
                    .unwrap()
                {
                    Begin::Lease(lease) => {
                        let token = lease.token;
                        self.leases.insert(0, (number, lease));
                        self.leases.truncate(LEASES);
                        format!("token {token}")
                    }
                    // By which clock it runs out is the one thing in which they differ.
                    Begin::Held { .. } => "held".into(),
                    Begin::NoStoreUntil(time) => format!("no store for {time:?}"),
                }
            }
            Op::Renew { lease } => match self.leases.get(lease) {
                Some((number, lease)) => {
                    store.renew(&key(*number), lease).await.unwrap().to_string()
                }
                None => String::new(),
            },
            Op::Store { lease, own } => match self.leases.get(lease).cloned() {
                Some((number, lease)) => {
                    let body = Bytes::from(lease.token.to_string());
                    let entry = Entry::value(1, 2, body, 3, Duration::from_secs(60)).into();
                    let life = Duration::from_secs(600);
                    let stored = store
                        .store(&key(number), lease, &ids(own), &entry, life, None)
                        .await;
                    format!("{:?}", stored.unwrap())
                }
                None => String::new(),
            },
            Op::Update { lease, own } => match (self.leases.get(lease).cloned(), &self.found) {
                (Some((number, lease)), Some((found, revision))) => {
                    let mut entry = Entry::clone(found);
                    entry.stored_at = lease.token;
                    let (entry, life) = (Arc::new(entry), Duration::from_secs(600));
                    let (key, own) = (key(number), ids(own));
                    let stored = store
                        .store(&key, lease, &own, &entry, life, Some(*revision))
                        .await;
                    format!("{:?}", stored.unwrap())
                }
                _ => String::new(),
            },
            Op::Release { lease } => {
                if let Some((number, lease)) = self.leases.get(lease).cloned() {
                    store.release(&key(number), lease).await.unwrap();
                }
                String::new()
            }
            Op::Invalidate { tags, hold } => {
                store
                    .invalidate(&ids(tags), Duration::from_micros(hold))
                    .await
                    .unwrap();
                String::new()
            }
            Op::Flush => {
                store.flush().await.unwrap();
                String::new()
            }
            Op::Evict(target) => {
                self.keep.evict(target).await;
                String::new()
            }
            Op::Snapshot => {
                self.snapshot = Some(self.keep.image().await);
                String::new()
            }
            Op::Restore => {
                if let Some(image) = &self.snapshot {
                    self.keep.restore(image).await;
                }
                String::new()
            }
        }
    }
}

#[test]
fn both_stores_answer_alike_to_the_microsecond() {
    let runtime = Runtime::new().unwrap();
    let config = Config {
        cases: 100,
        failure_persistence: None,
        ..Config::default()
    };
    let ops = proptest::collection::vec(op(), 1..STEPS);
    let compared = TestRunner::new(config).run(&ops, |ops| {
        runtime.block_on(async {
            let mut memory = Twin::new(Keep::memory()).await;
            let mut redis = Twin::new(Keep::redis(str::to_owned).await).await;
            for op in &ops {
                let answers = (memory.answer(op).await, redis.answer(op).await);
                prop_assert_eq!(answers.0, answers.1, "{:?} of {:?}", op, &ops);
                let counted = (memory.keep.counted().await, redis.keep.counted().await);
                prop_assert_eq!(counted.0, counted.1, "after {:?} of {:?}", op, &ops);
            }
            Ok::<_, TestCaseError>(())
        })
    });
    compared.unwrap();
}
