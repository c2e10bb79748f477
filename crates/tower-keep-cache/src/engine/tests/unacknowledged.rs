use tokio::{sync::oneshot, time::sleep};

use super::rig::{Answer, HANDLER, Rig, Way, key, tag};
use crate::{
    engine::{Admission, Invalidation},
    tag::Tag,
};

/// As if Redis had not acknowledged it, and nobody retried.
fn pend(rig: &Rig) {
    rig.engine
        .pending
        .push(Invalidation::Tags([tag().id()].into()));
}

#[tokio::test(start_paused = true)]
async fn what_is_there_is_neither_served_nor_replaced() {
    let rig = Rig::new(Answer::Storable);
    rig.request().await;
    assert_eq!(rig.request().await, (Way::Hit, 1));
    pend(&rig);
    assert_eq!(rig.request().await, (Way::Led, 2));
    assert_eq!(
        rig.engine.pending(),
        0,
        "a request has started the retry that nobody had"
    );
    assert_eq!(rig.request().await, (Way::Hit, 2));
}

/// The fill has read what was before the write, and Redis would store it: it does not know better.
#[tokio::test(start_paused = true)]
async fn who_comes_after_it_does_not_get_a_fill_from_before_it() {
    let rig = Rig::new(Answer::Storable);
    let before = rig.spawn();
    sleep(HANDLER / 2).await;
    pend(&rig);
    let after: Vec<_> = {
        // They do not look: to look would start the retry, and Redis would know.
        let (waiters, told): (Vec<_>, Vec<_>) = (0..5).map(|_| oneshot::channel()).unzip();
        for waiter in waiters {
            rig.engine
                .flights
                .with(&key(), |flight| flight.join(waiter, |_| true));
        }
        told
    };
    assert_eq!(before.await.unwrap(), (Way::Led, 1));
    for told in after {
        // Dropped here, so that each of them leads in its turn.
        let told = told.await.unwrap();
        assert!(matches!(told, Admission::Lead(_)), "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_tags_are_not_concerned_and_a_flush_concerns_all() {
    let rig = Rig::new(Answer::Storable);
    rig.request().await;
    let other = Tag::from("other").id();
    rig.engine.pending.push(Invalidation::Tags([other].into()));
    assert_eq!(rig.request().await, (Way::Hit, 1));
    rig.engine.pending.push(Invalidation::Flush);
    assert_eq!(rig.request().await.0, Way::Led);
}
