use std::path::Path;
use std::time::Duration;

use testkit::process::{self, Parent, is_alive};
use testkit::resp::Client;
use testkit::{Connection, PostgresServer, RedisServer, eventually};

const SOON: Duration = Duration::from_secs(20);
const SECOND_PART: &str = "kit::process::second_part";

/// What the other process does, by the first word that it is told.
#[tokio::test]
async fn second_part() {
    let Some(mut parent) = process::parent() else {
        return;
    };
    parent.say("READY");
    loop {
        let line = parent.hear().await;
        match line.as_str() {
            "greet" => parent.say(&format!("HELLO {}", std::env::var("NAME").unwrap())),
            "serve" => serve(&parent).await,
            "fail" => panic!("as I was told"),
            "end" => return,
            other => panic!("{other}?"),
        }
    }
}

/// One server in a static, one on a leaked box and paused, one with a backend that is busy: no destructor will ever run
/// for any of them.
async fn serve(parent: &Parent) {
    let shared = testkit::redis().await;
    let redis = Box::leak(Box::new(RedisServer::start().await));
    redis.pause();
    let postgres = Box::leak(Box::new(PostgresServer::start().await));
    let mut connection = Connection::open(&postgres.url()).unwrap();
    let backend = connection.query("SELECT pg_backend_pid()").unwrap()[0][0]
        .clone()
        .unwrap();
    std::thread::spawn(move || {
        connection.query("SELECT count(*) FROM generate_series(1, 1e12::bigint)")
    });
    let folder = redis
        .unix_url()
        .replace("redis+unix://", "")
        .replace("/redis.sock", "");
    let folders = format!("{folder} {}", postgres.socket_folder().display());
    parent.say(&format!(
        "SERVING {} {} {} {backend} {folders}",
        shared.url(),
        redis.pid(),
        postgres.pid()
    ));
}

#[tokio::test]
async fn two_processes_talk_in_lines() {
    let mut peer = process::reexec(SECOND_PART, &[("NAME", "peer")]);
    peer.heard("READY").await;
    peer.tell("greet");
    assert_eq!(peer.heard("HELLO").await, "peer");
    peer.tell("end");
    peer.finish().await;
}

#[tokio::test]
#[should_panic(expected = "as I was told")]
async fn a_failure_in_the_other_process_is_shown_here() {
    let mut peer = process::reexec(SECOND_PART, &[]);
    peer.tell("fail");
    peer.finish().await;
}

#[tokio::test]
#[should_panic(expected = "there is no test kit::process::no_part")]
async fn a_part_that_nobody_plays_is_an_error() {
    process::reexec("kit::process::no_part", &[]).finish().await;
}

#[tokio::test]
async fn a_killed_process_says_no_more_and_a_dropped_one_is_gone() {
    let mut peer = process::reexec(SECOND_PART, &[]);
    peer.heard("READY").await;
    let pid = peer.pid();
    assert!(is_alive(pid));
    peer.kill();
    assert!(!is_alive(pid));
    let other = process::reexec(SECOND_PART, &[]);
    let pid = other.pid();
    drop(other);
    assert!(!is_alive(pid));
}

#[tokio::test]
async fn servers_vanish_with_a_process_that_is_killed() {
    let mut peer = process::reexec(SECOND_PART, &[(testkit::REDIS_URL, "")]);
    peer.tell("serve");
    let serving = peer.heard("SERVING").await;
    let words: Vec<&str> = serving.split(' ').collect();
    let (url, pids, folders) = (words[0], &words[1..4], &words[4..]);
    let runs = |pid: &&str| is_alive(pid.parse().unwrap());
    assert_eq!(
        Client::connect(url).await.unwrap().words("PING").await,
        "PONG"
    );
    assert!(pids.iter().all(runs) && folders.iter().all(|folder| Path::new(folder).exists()));
    peer.kill();
    eventually(SOON, async || Client::connect(url).await.is_err()).await;
    eventually(SOON, async || !pids.iter().any(runs)).await;
    eventually(SOON, async || {
        !folders.iter().any(|folder| Path::new(folder).exists())
    })
    .await;
}

#[tokio::test]
async fn a_process_ends_with_the_one_that_made_it() {
    let mut peer = process::reexec("kit::process::second_part_with_a_third", &[]);
    let third = peer.heard("THIRD").await.parse().unwrap();
    assert!(is_alive(third));
    peer.kill();
    eventually(SOON, async || !is_alive(third)).await;
}

#[tokio::test]
async fn second_part_with_a_third() {
    let Some(mut parent) = process::parent() else {
        return;
    };
    let mut peer = process::reexec(SECOND_PART, &[]);
    peer.heard("READY").await;
    parent.say(&format!("THIRD {}", peer.pid()));
    parent.hear().await;
}
