//! Replies that are none, and replies that come twice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use testkit::{
    RedisServer, eventually,
    proxy::{Direction, FaultProxy},
};
use tokio::time::sleep;
use tower_keep_core::connection::{CommandError, ConnectionManager, Profile, Redis, SetOptions};

use super::{SOON, connect, load::Load};

const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// A server whose keys hold their own names, behind a proxy.
async fn behind_a_proxy() -> (RedisServer, FaultProxy, ConnectionManager, Redis) {
    let server = RedisServer::start().await;
    let proxy = FaultProxy::start(server.address()).await;
    let url = format!("redis://{}", proxy.address());
    let (manager, redis) = connect(&url, &Profile::SESSION).await;
    for key in KEYS {
        let stored = redis.set(key.into(), key.into(), SetOptions::default());
        stored.await.unwrap();
    }
    (server, proxy, manager, redis)
}

/// Reads a key again and again; what belongs to another one is a surprise.
fn reads(redis: &Redis, key: &'static str) -> Load {
    let redis = redis.clone();
    Load::start(move || {
        let redis = redis.clone();
        async move {
            match redis.get(key.into()).await? {
                Some(value) if value == key => Ok(()),
                other => Err(CommandError::Other(format!("{key}: {other:?}").into())),
            }
        }
    })
}

async fn survives(garbage: &[u8]) {
    let (_server, proxy, manager, redis) = behind_a_proxy().await;
    let connections = redis.generation();
    let loads = KEYS.map(|key| reads(&redis, key));
    for load in &loads {
        load.serves(10).await;
    }
    proxy.garbage(Direction::ToClient, garbage);
    eventually(SOON, async || proxy.accepted() > 1).await;
    proxy.heal();
    manager.connected(SOON).await.unwrap();
    for load in &loads {
        load.serves(20).await;
        // None was surprised.
        load.paid();
    }
    assert!(redis.generation() > connections);
}

#[tokio::test]
async fn what_is_no_reply_ends_the_connection_and_is_nobodys_answer() {
    let http = survives(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    let tls = survives(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\r\n");
    let zeros = survives(b"\0\0\0\0");
    let no_length = survives(b"$five\r\n");
    let negative = survives(b"*-7\r\n");
    // Never as long as it says: silence.
    let endless = survives(b"$500000000\r\n");
    tokio::join!(http, tls, zeros, no_length, negative, endless);
}

/// How many answers were one's own, and how many another's.
#[derive(Debug, Default)]
struct Answers {
    own: AtomicU64,
    others: AtomicU64,
}

/// Many readers that do not wait for each other, so that there is always something in flight.
fn crowd(redis: &Redis, answers: &Arc<Answers>) {
    for (number, key) in KEYS.into_iter().cycle().take(64).enumerate() {
        let (redis, answers) = (redis.clone(), Arc::clone(answers));
        tokio::spawn(async move {
            loop {
                sleep(Duration::from_micros(1000 + 97 * number as u64)).await;
                match redis.get(key.into()).await {
                    Ok(Some(value)) if value == key => &answers.own,
                    Ok(_) => &answers.others,
                    Err(_) => continue,
                }
                .fetch_add(1, Ordering::SeqCst);
            }
        });
    }
}

/// The client library gives each reply to the command that was sent first of those that have none. A reply too many, and
/// everybody is given another's from then on.
#[tokio::test]
async fn replies_that_are_out_of_step_are_noticed_and_come_to_an_end() {
    let (_server, proxy, manager, redis) = behind_a_proxy().await;
    // Where nothing else is in flight, the client library drops what is too much: on a long line there always is.
    proxy.delay(Direction::ToClient, Duration::from_millis(20));
    let answers = Arc::new(Answers::default());
    let others = || answers.others.load(Ordering::SeqCst);
    let own = || answers.own.load(Ordering::SeqCst);
    crowd(&redis, &answers);
    eventually(SOON, async || {
        proxy.repeat(Direction::ToClient);
        sleep(Duration::from_millis(10)).await;
        others() > 0 && redis.generation() > 1
    })
    .await;
    proxy.heal();
    manager.connected(SOON).await.unwrap();
    eventually(SOON, async || {
        let (before, goal) = (others(), own() + 1000);
        eventually(SOON, async || own() >= goal).await;
        others() == before
    })
    .await;
}
