//! A master behind sentinels fails, and a replica becomes the master.

use std::time::Duration;

use testkit::{RedisSentinel, RedisServer, eventually};
use tower_keep_core::connection::{Role, SetOptions};

use super::super::super::{SOON, text};
use super::{AWAY, BOTH, Client, Row};

async fn master(fault: &'static str, fail: fn(&RedisServer)) {
    // Long enough to see what the outage costs.
    let group = RedisSentinel::builder()
        .down_after(Duration::from_secs(1))
        .start()
        .await;
    let mut row = Row::begin(fault, Client::sentinel(&group)).await;
    let stored = row
        .redis
        .set("kept".into(), "value".into(), SetOptions::default());
    stored.await.unwrap();
    // Else it may be lost with its server.
    eventually(SOON, async || {
        row.redis.acknowledged_by(1, SOON).await == Ok(1)
    })
    .await;
    let (before, life) = (row.manager.incarnation().unwrap(), row.redis.life());
    let master = group.master().await;
    fail(master);
    row.shuts(&BOTH).await;
    group.moved_from(master.address()).await;
    row.resumes().await;
    let after = row.manager.incarnation().unwrap();
    assert_ne!(before.run_id, after.run_id);
    assert_eq!((after.role, row.redis.life()), (Role::Primary, life + 1));

    assert_eq!(row.redis.get("kept".into()).await, Ok(Some(text("value"))));

    // The old one does not come back as what it was.
    master.resume();
    row.serve().await;
    assert_eq!(row.manager.incarnation(), Some(after));
    row.end(&AWAY, &AWAY).await;
}

#[tokio::test]
async fn master_sigkill_sentinel() {
    master("master, SIGKILL", RedisServer::kill).await;
}

/// Its connections stay open and silent, and nothing but silence says that it is not the master any more.
#[tokio::test]
async fn master_sigstop_sentinel() {
    master("master, SIGSTOP", RedisServer::pause).await;
}
