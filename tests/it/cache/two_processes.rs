//! Two and three processes on one Redis.

use std::{collections::BTreeSet, convert::Infallible, future::pending, sync::Arc, time::Duration};

use testkit::{
    SharedRedis, eventually,
    process::{self, Peer},
};
use tokio::sync::Barrier;
use tower_keep_cache::{Cache, LoadError};

use super::setup::{Runs, SOON, cache, tagged};

const SECOND_PART: &str = "cache::two_processes::second_part";

/// What the loads of a process come to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Load {
    /// 200 ms, then a value that nobody else would make.
    Succeeds,
    /// 1 s, so that everybody has come before the first has failed.
    Fails,
    /// Never ends.
    Hangs,
    /// 200 ms, then a value that is too large to be kept.
    CannotBeKept,
    /// The same, but not before all requests of the process run at the same time.
    CannotBeKeptTogether,
}

/// Larger than the caches here keep.
const LARGE: usize = 4096;

/// What the requests of one process got.
#[derive(Debug, Default, PartialEq)]
struct Got {
    runs: usize,
    /// Every different answer, values and failures.
    answers: BTreeSet<String>,
}

async fn ask(cache: &Cache, key: &str, count: usize, load: Load, runs: &Runs) -> Got {
    let together = Arc::new(Barrier::new(count));
    let requests: Vec<_> = (0..count)
        .map(|_| {
            let (cache, key, runs) = (cache.clone(), key.to_owned(), runs.clone());
            let together = Arc::clone(&together);
            tokio::spawn(async move { request(&cache, &key, load, &runs, &together).await })
        })
        .collect();
    let mut got = Got::default();
    for request in requests {
        got.answers.insert(request.await.unwrap());
    }
    got.runs = runs.count();
    got
}

async fn request(
    cache: &Cache,
    key: &str,
    load: Load,
    runs: &Runs,
    together: &Arc<Barrier>,
) -> String {
    let me = std::process::id();
    let takes = match load {
        Load::Fails => Duration::from_secs(1),
        _ => Duration::from_millis(200),
    };
    let run = runs.load(takes, move |run| format!("{me}-{run}"));
    let together = Arc::clone(together);
    let load = move || async move {
        let value = run().await;
        match load {
            Load::Succeeds => Ok(value),
            Load::Fails => Err(value),
            Load::Hangs => pending().await,
            Load::CannotBeKept => Ok(format!("{value:>LARGE$}")),
            Load::CannotBeKeptTogether => {
                together.wait().await;
                Ok(format!("{value:>LARGE$}"))
            }
        }
    };
    match cache.get_or_load(key, tagged("tag"), load).await {
        Ok(value) => value.trim().to_owned(),
        Err(LoadError::Load(failure)) => format!("failure-{failure}"),
        Err(error) => format!("{error:?}"),
    }
}

/// The other process: `ask KEY COUNT LOAD`, then `BEGUN` when its first load runs, and `GOT RUNS ANSWERS…`.
#[tokio::test]
async fn second_part() {
    let Some(mut parent) = process::parent() else {
        return;
    };
    let cache = cache(
        &std::env::var("URL").unwrap(),
        &std::env::var("NAMESPACE").unwrap(),
    )
    .await
    .max_entry_bytes(LARGE);
    parent.say("READY");
    loop {
        let line = parent.hear().await;
        let words: Vec<&str> = line.split(' ').collect();
        let ["ask", key, count, load] = words[..] else {
            return;
        };
        let load = match load {
            "succeeds" => Load::Succeeds,
            "fails" => Load::Fails,
            "cannot-be-kept" => Load::CannotBeKept,
            "cannot-be-kept-together" => Load::CannotBeKeptTogether,
            _ => Load::Hangs,
        };
        let runs = Runs::default();
        let asking = ask(&cache, key, count.parse().unwrap(), load, &runs);
        let (got, ()) = tokio::join!(asking, async {
            if load == Load::Hangs {
                eventually(SOON, async || runs.count() > 0).await;
                parent.say("BEGUN");
            }
        });
        let answers: Vec<String> = got.answers.into_iter().collect();
        parent.say(&format!("GOT {} {}", got.runs, answers.join(" ")));
    }
}

async fn other_process(redis: &SharedRedis) -> Peer {
    let environment = [("URL", redis.url()), ("NAMESPACE", redis.namespace())];
    let mut peer = process::reexec(SECOND_PART, &environment);
    peer.heard("READY").await;
    peer
}

async fn got(peer: &mut Peer) -> Got {
    let said = peer.heard("GOT").await;
    let mut words = said.split(' ').map(str::to_owned);
    Got {
        runs: words.next().unwrap().parse().unwrap(),
        answers: words.collect(),
    }
}

#[tokio::test]
async fn five_hundred_requests_for_a_cold_key_run_one_load_in_both_processes_together() {
    let redis = testkit::redis().await;
    let mut peer = other_process(&redis).await;
    let cache = cache(redis.url(), redis.namespace()).await;
    peer.tell("ask key 250 succeeds");
    let here = ask(&cache, "key", 250, Load::Succeeds, &Runs::default()).await;
    let there = got(&mut peer).await;
    assert_eq!(here.runs + there.runs, 1);
    assert_eq!(here.answers, there.answers);
    assert_eq!(here.answers.len(), 1, "{here:?}");
}

#[tokio::test]
async fn the_first_caller_may_go_away_and_there_is_still_one_load() {
    let redis = testkit::redis().await;
    let mut peer = other_process(&redis).await;
    let cache = cache(redis.url(), redis.namespace()).await;
    let runs = Runs::default();
    let first = {
        let (cache, runs) = (cache.clone(), runs.clone());
        let together = Arc::new(Barrier::new(1));
        tokio::spawn(async move { request(&cache, "key", Load::Succeeds, &runs, &together).await })
    };
    eventually(SOON, async || runs.count() == 1).await;
    first.abort();
    peer.tell("ask key 100 succeeds");
    let here = ask(&cache, "key", 100, Load::Succeeds, &runs).await;
    let there = got(&mut peer).await;
    assert_eq!((here.runs, there.runs), (1, 0));
    assert_eq!(here.answers, there.answers);
}

/// The two who are left cannot know that the lease will not be renewed: they wait until it ends.
#[tokio::test]
async fn a_process_killed_in_mid_fill_costs_one_more_load() {
    let redis = testkit::redis().await;
    let (mut leader, mut peer) = tokio::join!(other_process(&redis), other_process(&redis));
    let cache = cache(redis.url(), redis.namespace()).await;
    leader.tell("ask key 10 hangs");
    leader.heard("BEGUN").await;
    peer.tell("ask key 100 succeeds");
    let runs = Runs::default();
    let asking = ask(&cache, "key", 100, Load::Succeeds, &runs);
    let (here, ()) = tokio::join!(asking, async {
        tokio::task::yield_now().await;
        leader.kill();
    });
    let there = got(&mut peer).await;
    assert_eq!(here.runs + there.runs, 1);
    assert_eq!(here.answers, there.answers);
    assert_eq!(here.answers.len(), 1, "{here:?}");
}

#[tokio::test]
async fn a_failing_load_runs_at_most_once_in_each_process_and_everybody_gets_that_failure() {
    let redis = testkit::redis().await;
    let mut peer = other_process(&redis).await;
    let cache = cache(redis.url(), redis.namespace()).await;
    peer.tell("ask key 100 fails");
    let here = ask(&cache, "key", 100, Load::Fails, &Runs::default()).await;
    let there = got(&mut peer).await;
    for got in [&here, &there] {
        assert_eq!((got.runs, got.answers.len()), (1, 1), "{got:?}");
        assert!(
            got.answers
                .iter()
                .all(|answer| answer.starts_with("failure-"))
        );
    }
}

/// The barriers open only if all requests of a process run at the same time.
#[tokio::test]
async fn who_waits_for_what_cannot_be_kept_is_released_in_both_processes_and_the_next_wave_does_not_wait()
 {
    let redis = testkit::redis().await;
    let mut peer = other_process(&redis).await;
    let cache = cache(redis.url(), redis.namespace())
        .await
        .max_entry_bytes(LARGE);
    for load in ["cannot-be-kept", "cannot-be-kept-together"] {
        peer.tell(&format!("ask key 50 {load}"));
        let load = match load {
            "cannot-be-kept" => Load::CannotBeKept,
            _ => Load::CannotBeKeptTogether,
        };
        let here = ask(&cache, "key", 50, load, &Runs::default()).await;
        let there = got(&mut peer).await;
        for got in [&here, &there] {
            assert_eq!((got.runs, got.answers.len()), (50, 50), "{load:?}");
        }
        assert!(here.answers.is_disjoint(&there.answers));
    }
}

#[tokio::test]
async fn an_invalidation_in_one_process_is_one_in_the_other() {
    let redis = testkit::redis().await;
    let mut peer = other_process(&redis).await;
    let cache = cache(redis.url(), redis.namespace()).await;
    let before = ask(&cache, "key", 1, Load::Succeeds, &Runs::default()).await;
    peer.tell("ask key 1 succeeds");
    assert_eq!(got(&mut peer).await.answers, before.answers);
    cache.invalidate(["tag"]).await.unwrap();
    peer.tell("ask key 1 succeeds");
    let after = got(&mut peer).await;
    assert_eq!(after.runs, 1);
    assert_ne!(after.answers, before.answers);
    let value: Result<String, LoadError<Infallible>> = cache
        .get_or_load("key", tagged("tag"), || async { Ok(String::new()) })
        .await;
    assert_eq!(BTreeSet::from([value.unwrap()]), after.answers);
}
