//! Entries that are there and not good enough: what becomes of who asks for a better one.

use std::{sync::Arc, time::Duration};

use tokio::time::{advance, sleep};

use super::{
    super::{Admission, AloneReason, Fill, FillOutcome, Hit, fill::Brought},
    rig::{Answer, HANDLER, Rig, TTL, Way, count, entry, key, tag},
};

impl Rig {
    /// A request for which no entry is good enough.
    async fn demand(&self) -> Admission {
        self.engine.admit(&key(), &[tag()], |_| false).await
    }

    async fn hit(&self) -> Hit {
        match self.admit().await {
            Admission::Hit(hit) => hit,
            other => panic!("{other:?}"),
        }
    }

    async fn refresh(&self) -> Option<Admission> {
        let base = self.hit().await;
        Some(self.engine.refresh(&key(), &[tag()], base)?.await)
    }
}

fn led(admission: Option<Admission>) -> Fill {
    match admission {
        Some(Admission::Lead(fill)) => fill,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn who_wants_a_better_entry_than_the_one_there_makes_it_and_knows_the_old_one() {
    let rig = Rig::new(Answer::Storable);
    assert_eq!(rig.request().await, (Way::Led, 1));
    let old = rig.hit().await;
    let fill = led(Some(rig.demand().await));
    assert_eq!(fill.base().unwrap().revision, old.revision);
    // Also the neighbour must not be content with the old one while it waits.
    let neighbour = rig.neighbour();
    let waiting = tokio::spawn(async move { neighbour.demand().await });
    let joined = {
        let rig = rig.clone();
        tokio::spawn(async move { rig.demand().await })
    };
    sleep(HANDLER / 2).await;
    assert_eq!(rig.run(fill).await, (2, Some(FillOutcome::Stored)));
    for told in [waiting.await.unwrap(), joined.await.unwrap()] {
        let Admission::Copy(super::super::Outcome::Entry(hit)) = told else {
            panic!("{told:?}")
        };
        assert_eq!(hit.entry.body, "2");
    }
    assert_eq!(rig.runs(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_refreshes_in_the_process_and_in_the_fleet_and_the_others_are_hits() {
    let rig = Rig::new(Answer::Storable);
    rig.request().await;
    let fill = led(rig.refresh().await);
    assert!(rig.refresh().await.is_none(), "one is on its way");
    let neighbour = rig.neighbour();
    let elsewhere = neighbour.refresh().await;
    assert!(
        matches!(elsewhere, Some(Admission::Alone(AloneReason::Foreign))),
        "{elsewhere:?}"
    );
    assert!(
        neighbour.refresh().await.is_none(),
        "it need not ask again at once"
    );
    assert_eq!(rig.request().await, (Way::Hit, 1));
    assert_eq!(rig.run(fill).await, (2, Some(FillOutcome::Stored)));
    assert_eq!(rig.request().await, (Way::Hit, 2));
    assert!(matches!(rig.refresh().await, Some(Admission::Lead(_))));
}

#[tokio::test(start_paused = true)]
async fn who_cannot_use_the_entry_joins_its_refresh() {
    let rig = Rig::new(Answer::Storable);
    rig.request().await;
    let fill = led(rig.refresh().await);
    let joined = {
        let rig = rig.clone();
        tokio::spawn(async move { rig.demand().await })
    };
    sleep(HANDLER / 2).await;
    rig.run(fill).await;
    assert!(matches!(joined.await.unwrap(), Admission::Copy(_)));
    assert_eq!(rig.runs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_has_failed_is_left_alone_for_a_while() {
    let rig = Rig::new(Answer::Storable);
    rig.request().await;
    let failing = Rig {
        answer: Answer::Failure,
        ..rig.clone()
    };
    for pause in [1, 2, 4].map(Duration::from_secs) {
        failing.run(led(rig.refresh().await)).await;
        // The driver hears of it after this task.
        sleep(Duration::from_millis(1)).await;
        assert!(rig.engine.is_backing_off(&key()));
        assert!(rig.refresh().await.is_none());
        advance(pause).await;
    }
    rig.run(led(rig.refresh().await)).await;
    assert!(!rig.engine.is_backing_off(&key()));
}

/// As an answer that may be stored and must be confirmed each time.
#[tokio::test(start_paused = true)]
async fn what_is_for_its_leader_only_is_stored_and_handed_to_nobody_who_waits() {
    let rig = Rig::new(Answer::Storable);
    let fill = led(Some(rig.demand().await));
    let waiting: Vec<_> = (0..3).map(|_| rig.spawn()).collect();
    sleep(HANDLER / 2).await;
    let brought = Brought {
        entry: Arc::new(entry(0)),
        tags: Vec::new(),
        life: TTL,
        renewed: false,
        shared: false,
        elsewhere: None,
    };
    assert_eq!(fill.bring(brought).await, FillOutcome::Stored);
    let mut ways = Vec::new();
    for waiter in waiting {
        ways.push(waiter.await.unwrap());
    }
    assert_eq!(count(&ways, Way::Alone(AloneReason::NotStorable)), 3);
    // It is there, and the next one may ask about it.
    let fill = led(Some(rig.demand().await));
    assert_eq!(fill.base().unwrap().entry.body, "0");
}
