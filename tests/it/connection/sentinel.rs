//! Behind sentinels: who the master is changes, and the connection follows.

use std::time::Duration;

use testkit::{RedisSentinel, RedisServer, eventually};
use tower_keep_core::connection::{Profile, Role};

use super::{
    SOON, connect,
    load::{FEW, Load},
    outage::trips,
    text,
};

async fn fails_over(fail: fn(&RedisServer)) {
    // Long enough to see what the outage costs.
    let group = RedisSentinel::builder()
        .down_after(Duration::from_secs(1))
        .start()
        .await;
    let (manager, redis) = connect(&group.url(), &Profile::CACHE).await;
    let writer = redis.clone();
    let load = Load::start(move || {
        let redis = writer.clone();
        async move { redis.incr_by("n".into(), 1).await }
    });
    load.serves(50).await;
    redis
        .set("key".into(), text("value"), Default::default())
        .await
        .unwrap();
    // Else it may be lost with its server.
    eventually(SOON, async || redis.acknowledged_by(1, SOON).await == Ok(1)).await;
    let (before, life, paid) = (manager.incarnation().unwrap(), redis.life(), load.paid());

    let master = group.master().await;
    fail(master);
    trips(&load, paid).await;

    let paid = load.paid();
    load.serves(50).await;
    let more = load.paid() - paid;
    assert!(more <= FEW, "{more} operations paid");
    let after = manager.incarnation().unwrap();
    assert_ne!(before.run_id, after.run_id);
    assert_eq!((after.role, redis.life()), (Role::Primary, life + 1));
    assert_eq!(redis.get("key".into()).await, Ok(Some(text("value"))));

    // The old one does not come back as what it was.
    master.resume();
    load.serves(50).await;
    assert_eq!(manager.incarnation(), Some(after));
}

#[tokio::test]
async fn a_master_that_was_killed_is_left_for_the_next_one() {
    fails_over(RedisServer::kill).await;
}

/// Its connections stay open and silent, and nothing but silence says that it is not the master any more.
#[tokio::test]
async fn a_master_that_hangs_is_left_for_the_next_one() {
    fails_over(RedisServer::pause).await;
}
