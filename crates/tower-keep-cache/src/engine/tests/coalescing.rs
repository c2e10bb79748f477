use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::rig::{Answer, HANDLER, Rig, Way, count, key, tag};
use crate::{
    engine::{Admission, AloneReason, FillOutcome, Outcome, Settings, driver::Start},
    key::EntryKey,
};

#[tokio::test(start_paused = true)]
async fn five_hundred_requests_for_a_cold_key_make_one_run() {
    let rig = Rig::new(Answer::Storable);
    let ways = rig.wave(500).await;
    assert_eq!(
        (
            rig.runs(),
            count(&ways, Way::Led),
            count(&ways, Way::Copied)
        ),
        (1, 1, 499)
    );
    assert!(ways.iter().all(|(_, run)| *run == 1));
    assert_eq!(rig.request().await, (Way::Hit, 1));
}

#[tokio::test(start_paused = true)]
async fn two_processes_make_one_run_together() {
    let here = Rig::new(Answer::Storable);
    let there = here.neighbour();
    let (ways, others) = tokio::join!(here.wave(250), there.wave(250));
    assert_eq!(here.runs(), 1);
    assert_eq!(count(&ways, Way::Led) + count(&others, Way::Led), 1);
}

/// It has looked right before the other process stored, and asks for the lease right after it.
#[tokio::test(start_paused = true)]
async fn a_process_that_has_just_missed_the_store_of_another_does_not_run_again() {
    let here = Rig::new(Answer::Storable);
    let there = here.neighbour();
    let mark = there.engine.flights.mark(&key());
    assert!(there.engine.look(&key(), &[]).await.unwrap().is_none());
    assert_eq!(here.request().await, (Way::Led, 1));
    let admission = there
        .engine
        .join(&key(), &[], Start::Begin, mark, None)
        .await;
    assert!(
        matches!(admission, Admission::Copy(Outcome::Entry(_))),
        "{admission:?}"
    );
    here.invalidate().await;
    assert_eq!(
        there.request().await,
        (Way::Led, 2),
        "the lease was given back"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_goes_to_everybody_who_waited_and_is_run_once_in_each_process() {
    let here = Rig::new(Answer::Failure);
    let there = here.neighbour();
    let ways = here.wave(100).await;
    assert_eq!((here.runs(), count(&ways, Way::Failed)), (1, 99));
    let (ways, others) = tokio::join!(here.wave(100), there.wave(100));
    assert_eq!(here.runs(), 3);
    assert_eq!(count(&ways, Way::Failed) + count(&others, Way::Failed), 198);
}

#[tokio::test(start_paused = true)]
async fn who_waited_for_an_answer_that_may_not_be_stored_is_released_together_and_nobody_waits_again()
 {
    let rig = Rig::new(Answer::Private);
    let start = Instant::now();
    let ways = rig.wave(100).await;
    assert_eq!(count(&ways, Way::Alone(AloneReason::NotStorable)), 99);
    assert_eq!(
        start.elapsed(),
        2 * HANDLER,
        "one wait and one run, whatever the number of requests"
    );
    let start = Instant::now();
    let ways = rig.wave(100).await;
    assert_eq!(
        (
            count(&ways, Way::Led),
            count(&ways, Way::Alone(AloneReason::HitForMiss))
        ),
        (1, 99)
    );
    assert_eq!(start.elapsed(), HANDLER, "not queued at all");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_may_be_stored_again_ends_the_hit_for_miss() {
    let mut rig = Rig::new(Answer::Private);
    rig.request().await;
    rig.answer = Answer::Storable;
    assert_eq!(rig.request().await, (Way::Led, 2));
    assert_eq!(rig.request().await, (Way::Hit, 2));
    rig.invalidate().await;
    assert_eq!(
        count(&rig.wave(10).await, Way::Copied),
        9,
        "they coalesce again"
    );
}

/// Without Redis or with a foreign lease on a key for which nobody waits: the run is made, and nothing is stored.
#[tokio::test(start_paused = true)]
async fn a_key_for_which_nobody_waits_does_not_wait_for_another_process_either() {
    let here = Rig::new(Answer::Private);
    let there = here.neighbour();
    here.request().await;
    there.request().await;
    let leading = here.spawn();
    sleep(HANDLER / 2).await;
    assert_eq!(there.request().await.0, Way::Alone(AloneReason::Foreign));
    leading.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_joins_after_an_invalidation_gets_the_next_run_and_that_is_one_for_all() {
    let rig = Rig::new(Answer::Storable);
    let before: Vec<_> = (0..10).map(|_| rig.spawn()).collect();
    sleep(HANDLER / 2).await;
    rig.invalidate().await;
    let after = rig.wave(10).await;
    for request in before {
        assert_eq!(
            request.await.unwrap().1,
            1,
            "begun before the invalidation, and before the load"
        );
    }
    assert_eq!(rig.runs(), 2);
    assert!(after.iter().all(|(_, run)| *run == 2), "{after:?}");
    assert_eq!(rig.request().await, (Way::Hit, 2));
}

#[tokio::test(start_paused = true)]
async fn who_joins_a_running_fill_gets_its_entry_if_it_is_stored() {
    let rig = Rig::new(Answer::Storable);
    let first = rig.spawn();
    sleep(HANDLER / 2).await;
    assert_eq!(rig.request().await, (Way::Copied, 1));
    assert_eq!(first.await.unwrap(), (Way::Led, 1));
    assert_eq!(rig.runs(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_has_waited_long_enough_goes_alone() {
    let settings = Settings {
        wait_timeout: HANDLER / 4,
        ..Settings::default()
    };
    let rig = Rig::with(Answer::Storable, settings);
    let ways = rig.wave(3).await;
    assert_eq!(
        (
            count(&ways, Way::Led),
            count(&ways, Way::Alone(AloneReason::WaitTimeout))
        ),
        (1, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_fill_keeps_its_lease_and_a_fill_without_end_does_not() {
    let settings = Settings {
        wait_timeout: Duration::from_secs(600),
        fill_timeout: Duration::from_secs(30),
        ..Settings::default()
    };
    let here = Rig::with(Answer::Storable, settings);
    let there = here.neighbour();
    let Admission::Lead(slow) = here.admit().await else {
        panic!("a cold key")
    };
    let waiting = there.spawn();
    sleep(Duration::from_secs(29)).await;
    assert!(!waiting.is_finished());
    sleep(Duration::from_secs(4)).await;
    assert_eq!(waiting.await.unwrap(), (Way::Led, 1));
    let (_, outcome) = here.run(slow).await;
    assert!(
        matches!(outcome, Some(FillOutcome::Unstored(_))),
        "{outcome:?}"
    );
    assert_eq!(here.request().await, (Way::Hit, 1));
}

#[tokio::test(start_paused = true)]
async fn a_fill_of_a_key_inside_its_own_fill_does_not_wait_for_itself() {
    let rig = Rig::new(Answer::Storable);
    let scope = rig.engine.scope(key());
    let Admission::Lead(_outer) = rig.admit().await else {
        panic!("a cold key")
    };
    let inner = scope.run(rig.request()).await;
    assert_eq!(inner.0, Way::Alone(AloneReason::Nested));
}

#[tokio::test(start_paused = true)]
async fn who_replaces_an_entry_waits_for_the_running_fill_and_is_joined_by_nobody() {
    let rig = Rig::new(Answer::Storable);
    let running = rig.spawn();
    sleep(HANDLER / 2).await;
    let Admission::Lead(fill) = rig.engine.replace(&key(), &[tag()]).await else {
        panic!("the lease was given back")
    };
    assert_eq!(running.await.unwrap(), (Way::Led, 1));
    assert_eq!(rig.run(fill).await, (2, Some(FillOutcome::Stored)));
    assert_eq!(rig.request().await, (Way::Hit, 2));
}

#[tokio::test(start_paused = true)]
async fn beyond_the_largest_number_of_fills_requests_go_alone() {
    let mut rig = Rig::new(Answer::Storable);
    Arc::make_mut(&mut rig.engine).max_fills(1);
    let first = rig.spawn();
    sleep(HANDLER / 2).await;
    let other = EntryKey::from_parts(&[b"other"]);
    let refused = rig.engine.admit(&other, &[], |_| true).await;
    assert!(
        matches!(refused, Admission::Alone(AloneReason::Full)),
        "{refused:?}"
    );
    assert_eq!(
        rig.request().await,
        (Way::Copied, 1),
        "who joins needs no permit"
    );
    first.await.unwrap();
    assert!(matches!(
        rig.engine.admit(&other, &[], |_| true).await,
        Admission::Lead(_)
    ));
}
