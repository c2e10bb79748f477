use testkit::{RedisSentinel, RedisServer};

#[tokio::test]
async fn a_replica_has_what_its_master_has() {
    let master = RedisServer::builder().password("secret").start().await;
    master.client().await.words("SET key value").await;
    let replica = RedisServer::replica_of(&master).await;
    let mut client = replica.client().await;
    assert_eq!(client.words("GET key").await, "value");
    assert!(
        client
            .words("SET key other")
            .await
            .text()
            .starts_with("READONLY")
    );
}

#[tokio::test]
async fn a_replica_becomes_the_master_on_demand() {
    let group = RedisSentinel::start().await;
    let first = group.master().await;
    assert_eq!(first.address(), group.servers()[0].address());
    let mut client = first.client().await;
    client.words("SET key value").await;
    // Replication is asynchronous: only what the replica has acknowledged outlives the failover.
    assert_eq!(client.words("WAIT 1 10000").await.integer(), 1);
    group.failover().await;
    let second = group.master().await;
    assert_eq!(second.address(), group.servers()[1].address());
    assert_eq!(second.client().await.words("GET key").await, "value");
}

#[tokio::test]
async fn sentinels_agree_on_a_master_for_one_that_hangs() {
    let group = RedisSentinel::builder().sentinels(3).start().await;
    let master = group.master().await;
    master.pause();
    group.sentinels()[0].kill();
    group.moved_from(master.address()).await;
    assert_eq!(group.master().await.address(), group.servers()[1].address());
}
