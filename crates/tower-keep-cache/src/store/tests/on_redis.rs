//! What only a server can show: lifetimes, commands, partitions, restarts.

use std::time::Duration;

use testkit::{RedisServer, resp::Client};
use tower_keep_core::{
    Namespace,
    connection::{CommandError, Script},
};

use super::{
    behaviour::{MINUTE, body, entry, fill, lease},
    keep::{connect, connect_with, ids, key},
};
use crate::store::{
    Begin, MissCause, RefusedCause, Store, Stored, redis::RedisStore, scripts::Scripts,
};

/// A server of its own with the scripts as they are, and their server's clock.
async fn server() -> (RedisServer, Store, Client) {
    let server = RedisServer::start().await;
    let redis = connect(&server.url()).await;
    let store = Store::Redis(RedisStore::new(redis, &Namespace::new("n").unwrap()));
    let client = server.client().await;
    (server, store, client)
}

/// The ms that each key has left, by its kind.
async fn lives(client: &mut Client, kind: &str) -> Vec<i64> {
    // The connection has a key of its own to probe with.
    let pattern = format!("{{n:*}}:{kind}*");
    let keys = client.command(&[b"KEYS", pattern.as_bytes()]).await;
    let mut lives = Vec::new();
    for key in keys.array() {
        lives.push(
            client
                .command(&[b"PTTL", key.text().as_bytes()])
                .await
                .integer(),
        );
    }
    lives
}

async fn one(client: &mut Client, kind: &str) -> i64 {
    let lives = lives(client, kind).await;
    assert_eq!(lives.len(), 1, "{kind}");
    lives[0]
}

async fn calls(client: &mut Client, command: &str) -> u64 {
    let stats = client.words("INFO commandstats").await;
    let line = format!("cmdstat_{command}:calls=");
    let count = stats
        .text()
        .lines()
        .find_map(|text| text.strip_prefix(&line));
    count.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_hit_is_one_command() {
    let (server, filler, mut client) = server().await;
    for key in 0..3 {
        fill(&filler, key, 3, "a").await;
    }
    // That of another process, which was not told by the fill which tags there are.
    let redis = connect(&server.url()).await;
    let store = Store::Redis(RedisStore::new(redis, &Namespace::new("n").unwrap()));
    let mut used = async |key, expected| {
        let before = calls(&mut client, "mget").await;
        assert_eq!(body(&store, key, expected).await.unwrap(), "a");
        calls(&mut client, "mget").await - before
    };
    assert_eq!(used(0, 3).await, 1);
    assert_eq!(used(0, 1).await, 1, "the tags that it has are remembered");
    assert_eq!(
        used(1, 7).await,
        1,
        "more tags than it has are read with it"
    );
    assert_eq!(
        used(2, 1).await,
        2,
        "a tag that nobody expected is read together with the entry again"
    );
    assert_eq!(used(2, 1).await, 1, "and is expected from then on");
    let before = calls(&mut client, "mget").await;
    body(&filler, 2, 1).await.unwrap();
    let reads = calls(&mut client, "mget").await - before;
    assert_eq!(reads, 1, "and at once by who has stored it");
    let client = &mut client;
    for other in ["get", "evalsha", "eval"] {
        let before = calls(client, other).await;
        body(&store, 0, 3).await.unwrap();
        assert_eq!(calls(client, other).await, before, "{other}");
    }
}

#[tokio::test]
async fn every_key_has_an_end_and_what_vouches_for_an_entry_outlives_it() {
    let (_server, store, mut client) = server().await;
    let client = &mut client;
    let hour = 60 * MINUTE;
    for life in [MINUTE, 1000 * hour, MINUTE] {
        let mine = lease(&store, 0, 1).await;
        assert!((1..=2000).contains(&one(client, "l:").await));
        store
            .store(&key(0), mine, &ids(3), &entry("a"), life, None)
            .await
            .unwrap();
        let (entry, record) = (one(client, "e:").await, one(client, "m").await);
        assert!(entry > 0 && entry <= i64::try_from(life.as_millis()).unwrap());
        for tag in lives(client, "t:").await {
            assert!(
                tag > entry,
                "a tag ends {tag} ms from now, its entry {entry}"
            );
            assert!(
                record > tag,
                "the record ends {record} ms from now, a tag {tag}"
            );
        }
    }
    // Another entry of the tags was stored for longer in between.
    let before = (lives(client, "t:").await, one(client, "m").await);
    assert!(before.0.iter().all(|&tag| tag > 999 * 3_600_000));
    store.invalidate(&ids(3), Duration::ZERO).await.unwrap();
    store.flush().await.unwrap();
    lease(&store, 0, 3).await;
    let after = (lives(client, "t:").await, one(client, "m").await);
    let slack = 60_000;
    assert!(
        after
            .0
            .iter()
            .zip(&before.0)
            .all(|(after, before)| after + slack > *before)
    );
    assert!(after.1 + slack > before.1);
    assert_eq!(lives(client, "").await.len(), 1 + 1 + 1 + 2);
}

#[tokio::test]
async fn invalidating_what_nobody_cached_leaves_only_the_record() {
    let (_server, store, mut client) = server().await;
    let many: Vec<_> = (0..1000)
        .map(|n| crate::tag::Tag::from(format!("{n}")).id())
        .collect();
    store.invalidate(&many, Duration::ZERO).await.unwrap();
    assert_eq!(lives(&mut client, "").await.len(), 1);
}

/// A lease with more time left than a lease can have: the clock was set back, or it has no end at all.
#[tokio::test]
async fn a_lease_that_lasts_too_long_is_taken_over() {
    let (_server, store, mut client) = server().await;
    for change in ["PERSIST", "PEXPIRE"] {
        lease(&store, 0, 3).await;
        let held = store.begin_fill(&key(0), &ids(3)).await.unwrap();
        assert!(matches!(held, Begin::Held { .. }));
        let names = client.words("KEYS *:l:*").await;
        let name = names.array()[0].text();
        let line = if change == "PERSIST" {
            format!("PERSIST {name}")
        } else {
            format!("PEXPIRE {name} 3000")
        };
        assert_eq!(client.words(&line).await.integer(), 1);
        let taken = lease(&store, 0, 3).await;
        let stored = store
            .store(&key(0), taken, &ids(3), &entry("a"), MINUTE, None)
            .await
            .unwrap();
        assert_eq!(stored, Stored::Stored, "{change}");
    }
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_ends_by_itself() {
    let (_server, store, _client) = server().await;
    let dead = lease(&store, 0, 3).await;
    testkit::eventually(Duration::from_secs(10), || async {
        matches!(
            store.begin_fill(&key(0), &ids(3)).await,
            Ok(Begin::Lease(_))
        )
    })
    .await;
    assert!(!store.renew(&key(0), &dead).await.unwrap());
    let refused = store
        .store(&key(0), dead, &ids(3), &entry("a"), MINUTE, None)
        .await
        .unwrap();
    assert_eq!(refused, Stored::Refused(RefusedCause::LeaseLost));
}

#[tokio::test]
async fn what_cannot_be_read_is_a_miss_and_is_replaced() {
    let (_server, store, mut client) = server().await;
    let damages = [
        "SETRANGE {} 2 x",
        "SETRANGE {} 8 xxxx",
        "SETRANGE {} 40 x",
        "SET {} x",
    ];
    for damage in damages {
        fill(&store, 0, 3, "a").await;
        let names = client.words("KEYS *:e:*").await;
        let line = damage.replace("{}", names.array()[0].text());
        assert!(!client.words(&line).await.is_error(), "{line}");
        let found = body(&store, 0, 3).await;
        assert!(
            matches!(found, Err(MissCause::Undecodable(_))),
            "{damage}: {found:?}"
        );
        assert_eq!(fill(&store, 0, 3, "b").await, Stored::Stored);
        assert_eq!(body(&store, 0, 3).await.unwrap(), "b");
    }
}

/// A store in as many partitions as it has in a cluster.
async fn over_partitions(server: &RedisServer) -> Store {
    let redis = connect(&server.url()).await;
    let namespace = Namespace::new("n").unwrap();
    let scripts = Scripts::new();
    Store::Redis(RedisStore::with_scripts(redis, &namespace, 16, scripts))
}

/// As in a cluster, where each partition is in another slot, and the server would refuse a script that
/// touches two.
#[tokio::test]
async fn over_many_partitions_a_tag_is_invalidated_in_all() {
    let server = RedisServer::start().await;
    let store = over_partitions(&server).await;
    for number in 0..64 {
        assert_eq!(fill(&store, number, 3, "a").await, Stored::Stored);
    }
    let mut client = server.client().await;
    assert!(lives(&mut client, "m").await.len() > 8);
    for number in 0..64 {
        assert_eq!(body(&store, number, 3).await.unwrap(), "a");
    }
    let running = lease(&store, 7, 3).await;
    store.invalidate(&ids(2), Duration::ZERO).await.unwrap();
    assert_eq!(lives(&mut client, "m").await.len(), 16);
    for number in 0..64 {
        assert_eq!(body(&store, number, 3).await, Err(MissCause::Invalidated));
    }
    let refused = store
        .store(&key(7), running, &ids(3), &entry("a"), MINUTE, None)
        .await
        .unwrap();
    assert_eq!(refused, Stored::Refused(RefusedCause::Invalidated));
    let stored = async || {
        let Ok(Begin::Lease(lease)) = store.begin_fill(&key(9), &ids(4)).await else {
            return false;
        };
        store
            .store(&key(9), lease, &ids(4), &entry("b"), MINUTE, None)
            .await
            == Ok(Stored::Stored)
    };
    testkit::eventually(Duration::from_secs(20), stored).await;
    store.flush().await.unwrap();
    assert_eq!(body(&store, 9, 4).await, Err(MissCause::Invalidated));
}

/// Partitions are told one after the other. A fill that begins in one that was told may still use an entry of one that
/// was not; so nothing that begins before all of them are surely told may be stored.
#[tokio::test]
async fn over_many_partitions_nothing_is_stored_until_all_have_been_told() {
    let server = RedisServer::start().await;
    let store = over_partitions(&server).await;
    let mut client = server.client().await;
    store.invalidate(&ids(2), Duration::ZERO).await.unwrap();
    store.flush().await.unwrap();
    for partition in 0..16 {
        let record = client.words(&format!("GET {{n:{partition}}}:m")).await;
        let numbers: Vec<u64> = record
            .text()
            .split(' ')
            .skip(1)
            .map(|number| number.parse().unwrap())
            .collect();
        let [epoch, clock, floor] = numbers[..] else {
            panic!("{record:?}");
        };
        // 110 ms: the spread within which all have been told, and what clocks drift meanwhile.
        assert_eq!([epoch, floor], [clock + 110_000; 2]);
    }
}

/// The server comes back as it was before an invalidation. The connection tells, and the cache flushes:
/// then neither what was stored before nor what was being filled may be had.
#[tokio::test]
async fn after_a_restart_from_an_older_state_and_a_flush_nothing_older_is_had() {
    let (server, store, _client) = server().await;
    fill(&store, 0, 3, "old").await;
    let running = lease(&store, 1, 6).await;
    let older = server.snapshot().await;
    store.invalidate(&ids(7), Duration::ZERO).await.unwrap();
    assert_eq!(body(&store, 0, 3).await, Err(MissCause::Invalidated));
    server.restart_from(&older).await;
    let flushed = async || store.flush().await.is_ok();
    testkit::eventually(Duration::from_secs(20), flushed).await;
    assert_eq!(body(&store, 0, 3).await, Err(MissCause::Invalidated));
    let refused = store
        .store(&key(1), running, &ids(6), &entry("old"), MINUTE, None)
        .await
        .unwrap();
    assert!(matches!(refused, Stored::Refused(_)));
    assert_eq!(fill(&store, 0, 3, "new").await, Stored::Stored);
    assert_eq!(body(&store, 0, 3).await.unwrap(), "new");
}

/// An empty server: a new incarnation, so that a fill from before cannot be stored.
#[tokio::test]
async fn after_a_restart_that_lost_everything_fills_begin_anew() {
    let (server, store, _client) = server().await;
    let running = lease(&store, 0, 3).await;
    server.restart().await;
    let begun = async || matches!(store.begin_fill(&key(1), &[]).await, Ok(Begin::Lease(_)));
    testkit::eventually(Duration::from_secs(20), begun).await;
    let refused = store
        .store(&key(0), running, &ids(3), &entry("old"), MINUTE, None)
        .await
        .unwrap();
    assert_eq!(refused, Stored::Refused(RefusedCause::LeaseLost));
    assert_eq!(fill(&store, 0, 3, "new").await, Stored::Stored);
}

/// Redis executes what it was sent before it hung when it comes back. Nobody waits for that lease any more.
#[tokio::test]
async fn a_fill_that_begins_too_late_takes_no_lease() {
    let server = RedisServer::start().await;
    let redis = connect_with(&server.url(), "command_timeout=100ms&stall_age=5s").await;
    let store = Store::Redis(RedisStore::new(redis, &Namespace::new("n").unwrap()));
    fill(&store, 1, 4, "a").await;
    server.pause();
    let late = store.begin_fill(&key(0), &ids(3)).await;
    assert_eq!(late, Err(CommandError::Deadline));
    server.resume();
    let mut next = Err(CommandError::Deadline);
    testkit::eventually(Duration::from_secs(20), async || {
        next = store.begin_fill(&key(0), &ids(3)).await;
        next.is_ok()
    })
    .await;
    assert!(matches!(next, Ok(Begin::Lease(_))), "{next:?}");
}

/// As when the answer is lost, or the server is slow for a moment. Else nobody could fill the key until the lease ends.
#[tokio::test]
async fn a_lease_of_which_nobody_has_heard_is_given_back() {
    let server = RedisServer::start().await;
    let redis = connect_with(&server.url(), "command_timeout=100ms&stall_age=5s").await;
    let scripts = Scripts::from_sources(|source| {
        let slow = "for i = 1, 5e7 do end return {1, incarnation";
        Script::write(source.replace("return {1, incarnation", slow))
    });
    let namespace = Namespace::new("n").unwrap();
    // A server that has to be taught a script is given no second time for it.
    let taught = Store::Redis(RedisStore::new(connect(&server.url()).await, &namespace));
    let other = lease(&taught, 1, 3).await;
    taught.release(&key(1), other).await.unwrap();
    let store = Store::Redis(RedisStore::with_scripts(redis, &namespace, 1, scripts));
    let late = store.begin_fill(&key(0), &ids(3)).await;
    assert_eq!(late, Err(CommandError::Deadline));
    let mut client = server.client().await;
    let mut gone = async || {
        let leases = client.words("KEYS {n:0}:l:*").await;
        for lease in leases.array() {
            // So that it does not end by itself.
            let lease = lease.text().as_bytes();
            client.command(&[b"PERSIST", lease]).await;
        }
        leases.array().is_empty()
    };
    testkit::eventually(Duration::from_secs(20), async || gone().await).await;
}

/// Else they would be refused again at each attempt, and stay unacknowledged for ever.
#[tokio::test]
async fn more_tags_than_there_are_places_in_flight_are_invalidated() {
    let server = RedisServer::start().await;
    // A probe may have one of the places.
    let settings = "command_timeout=5s&stall_age=5s&in_flight=17";
    let redis = connect_with(&server.url(), settings).await;
    let namespace = Namespace::new("n").unwrap();
    let store = Store::Redis(RedisStore::with_scripts(
        redis,
        &namespace,
        16,
        Scripts::new(),
    ));
    fill(&store, 0, 1, "a").await;
    let mut many: Vec<_> = (0..1000)
        .map(|n| crate::tag::Tag::from(format!("{n}")).id())
        .collect();
    many.extend(ids(1));
    store.invalidate(&many, Duration::ZERO).await.unwrap();
    assert_eq!(body(&store, 0, 1).await, Err(MissCause::Invalidated));
}

#[tokio::test]
async fn an_invalidation_that_one_partition_refuses_is_an_error() {
    let server = RedisServer::start().await;
    let store = over_partitions(&server).await;
    let mut client = server.client().await;
    client.words("RPUSH {n:5}:m no-record").await;
    store.invalidate(&ids(1), Duration::ZERO).await.unwrap_err();
    store.flush().await.unwrap_err();
    client.words("DEL {n:5}:m").await;
    store.invalidate(&ids(1), Duration::ZERO).await.unwrap();
}
