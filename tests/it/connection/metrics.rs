//! What is counted about the connection, as a Prometheus sees it.

use std::pin::pin;

use testkit::{RedisServer, eventually};
use tower_keep_core::{
    connection::{CommandError, ConnectionManager, Profile, SetOptions},
    telemetry::connection::{
        COMMAND_SECONDS, COMMANDS, CONNECTIONS, IN_FLIGHT, STATE_MILLISECONDS, TRIPS, UP,
    },
};

use super::{SOON, attach, connect, is_pending, text};
use crate::recorder::Recorder;

const READ: &str = r#"class="read""#;
const WRITE: &str = r#"class="write""#;

fn outcome(outcome: &str) -> String {
    format!(r#"outcome="{outcome}""#)
}

/// Waits until so many commands of a class have had this outcome, and no more.
async fn counted(recorder: &Recorder, class: &str, what: &str, times: f64) {
    let what = outcome(what);
    let count = || recorder.sum(COMMANDS, &[class, &what]);
    eventually(SOON, async || count() >= times).await;
    assert!(count() == times, "{}", recorder.text());
}

#[tokio::test]
async fn commands_are_counted_by_class_and_outcome_with_the_time_that_they_took() {
    let recorder = Recorder::new();
    let _guard = recorder.install();
    let server = RedisServer::start().await;
    let url = format!("{}?probe_interval=3600s", server.url());
    let (manager, redis) = connect(&url, &Profile::SESSION).await;

    for _ in 0..3 {
        redis.get("key".into()).await.unwrap();
    }
    redis
        .set("key".into(), text("value"), SetOptions::default())
        .await
        .unwrap();
    assert!(redis.incr_by("key".into(), 1).await.is_err());
    redis.incr_by("n".into(), 1).await.unwrap();
    assert_eq!(
        redis.hget("key".into(), text("field")).await,
        Err(CommandError::WrongType)
    );

    counted(&recorder, READ, "ok", 3.0).await;
    counted(&recorder, WRITE, "ok", 2.0).await;
    counted(&recorder, WRITE, "other", 1.0).await;
    counted(&recorder, READ, "wrong_type", 1.0).await;
    let seconds = |suffix, class| recorder.sum(&format!("{COMMAND_SECONDS}_{suffix}"), &[class]);
    assert!(seconds("count", READ) == 4.0 && seconds("count", WRITE) == 3.0);
    assert!(seconds("sum", READ) > 0.0 && seconds("sum", READ) < SOON.as_secs_f64());
    assert!(recorder.sum(CONNECTIONS, &[]) == 1.0 && recorder.sum(UP, &[]) == 2.0);

    manager.close().await;
    let _ = redis.get("key".into()).await;
    let up = |recorder: &Recorder| recorder.sum(UP, &[]);
    eventually(SOON, async || up(&recorder) == 0.0).await;
}

#[tokio::test]
async fn what_has_no_answer_is_counted_by_why() {
    let recorder = Recorder::new();
    let _guard = recorder.install();
    let server = RedisServer::start().await;
    let url = format!(
        "{}?stall_age=3600s&reconnect_after_silence=3600s&probe_interval=3600s&command_timeout=200ms&in_flight=3",
        server.url()
    );
    let (_manager, redis) = connect(&url, &Profile::CACHE).await;

    server.pause();
    let mut waits = pin!(redis.get("key".into()));
    assert!(is_pending(waits.as_mut()));
    for _ in 0..2 {
        let mut dropped = pin!(redis.incr_by("n".into(), 1));
        assert!(is_pending(dropped.as_mut()));
    }
    assert_eq!(redis.get("key".into()).await, Err(CommandError::Overloaded));
    assert_eq!(waits.await, Err(CommandError::Deadline));
    server.resume();

    counted(&recorder, READ, "overloaded", 1.0).await;
    counted(&recorder, READ, "deadline", 1.0).await;
    counted(&recorder, WRITE, "abandoned", 2.0).await;
    let longest = recorder.sum(&format!("{COMMAND_SECONDS}_sum"), &[READ]);
    assert!(longest >= 0.18, "{longest} s");
}

#[tokio::test]
async fn what_is_in_flight_is_shown() {
    let recorder = Recorder::new();
    let _guard = recorder.install();
    let server = RedisServer::start().await;
    let url = format!(
        "{}?stall_age=3600s&reconnect_after_silence=3600s&command_timeout=3600s",
        server.url()
    );
    let (_manager, redis) = connect(&url, &Profile::SESSION).await;
    server.pause();
    let mut waiting: Vec<_> = (0..5).map(|_| Box::pin(redis.get("key".into()))).collect();
    for operation in &mut waiting {
        assert!(is_pending(operation.as_mut()));
    }
    eventually(SOON, async || recorder.sum(IN_FLIGHT, &[]) >= 5.0).await;
    server.resume();
    for operation in waiting {
        operation.await.unwrap();
    }
    eventually(SOON, async || recorder.sum(IN_FLIGHT, &[]) < 5.0).await;
}

#[tokio::test]
async fn an_outage_is_counted_with_its_cause_and_its_length() {
    let recorder = Recorder::new();
    let _guard = recorder.install();
    let server = RedisServer::start().await;
    let (manager, redis) = connect(&server.url(), &Profile::SESSION).await;
    let spent = |state| recorder.sum(STATE_MILLISECONDS, &[READ, state]);
    eventually(SOON, async || spent(r#"state="up""#) > 0.0).await;

    server.kill();
    eventually(SOON, async || !manager.health().is_up()).await;
    for _ in 0..100 {
        assert_eq!(
            redis.get("key".into()).await,
            Err(CommandError::Unavailable)
        );
    }
    eventually(SOON, async || spent(r#"state="disconnected""#) > 0.0).await;
    assert!(recorder.sum(UP, &[]) == 0.0);
    let trips = recorder.sum(TRIPS, &[r#"cause="disconnected""#]);
    assert!(trips == 2.0, "{}", recorder.text());
    counted(&recorder, READ, "unavailable", 100.0).await;

    server.restart().await;
    manager.connected(SOON).await.unwrap();
    eventually(SOON, async || recorder.sum(UP, &[]) == 2.0).await;
    assert!(recorder.sum(CONNECTIONS, &[]) == 2.0);
}

#[tokio::test]
async fn a_recorder_that_is_installed_late_sees_what_happens_from_then_on() {
    let server = RedisServer::start().await;
    let (_manager, redis) = connect(&server.url(), &Profile::SESSION).await;
    let recorder = Recorder::new();
    let _guard = recorder.install();
    eventually(SOON, async || recorder.sum(UP, &[]) == 2.0).await;
    redis.get("key".into()).await.unwrap();
    eventually(SOON, async || {
        recorder.sum(COMMANDS, &[READ, &outcome("ok")]) > 0.0
    })
    .await;
}

#[tokio::test]
async fn no_label_tells_who_connects() {
    let recorder = Recorder::new();
    let _guard = recorder.install();
    let server = RedisServer::builder().password("open-sesame").start().await;
    let url = format!("redis://:open-sesame@{}/3", server.address());
    let (_manager, redis) = connect(&url, &Profile::SESSION).await;
    redis.get("key".into()).await.unwrap();
    let wrong = format!("redis://somebody:open-barley@{}", server.address());
    let wrong = ConnectionManager::open(&wrong).unwrap();
    let refused = attach(&wrong, &Profile::SESSION);
    eventually(SOON, async || {
        refused.get("key".into()).await == Err(CommandError::Auth)
    })
    .await;
    counted(&recorder, READ, "ok", 1.0).await;
    eventually(SOON, async || {
        recorder.sum(COMMANDS, &[&outcome("auth")]) > 0.0
    })
    .await;

    let text = recorder.text();
    let server = format!(r#"server="redis://{}/3""#, server.address());
    assert!(text.contains(&server), "{text}");
    for secret in ["sesame", "barley", "somebody"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn probes_are_no_commands() {
    let recorder = Recorder::new();
    let _guard = recorder.install();
    let server = RedisServer::start().await;
    let url = format!("{}?probe_interval=5ms", server.url());
    let (_manager, redis) = connect(&url, &Profile::SESSION).await;
    redis.get("key".into()).await.unwrap();
    // Whole rounds of probes go by until this is published.
    counted(&recorder, READ, "ok", 1.0).await;
    assert!(recorder.sum(COMMANDS, &[WRITE]) == 0.0);
}
