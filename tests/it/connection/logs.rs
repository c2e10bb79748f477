//! What is said about the connection, and what never is.

use std::{
    io,
    sync::{Arc, Mutex},
};

use testkit::{RedisServer, eventually};
use tower_keep_core::connection::{ConnectionManager, Profile};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use super::{SOON, attach, connect};

/// Holds every event of this thread, and so of a runtime on it, at every level.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(super) fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(log.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(super) fn lines(&self, with: &str) -> usize {
        self.text()
            .lines()
            .filter(|line| line.contains(with))
            .count()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn an_outage_is_one_event_for_each_class_and_its_end_another() {
    let (log, _guard) = Log::start();
    let server = RedisServer::start().await;
    let (manager, redis) = connect(&server.url(), &Profile::SESSION).await;
    assert_eq!(log.lines("redis is up"), 2, "{}", log.text());

    server.kill();
    eventually(SOON, async || !manager.health().is_up()).await;
    for _ in 0..1000 {
        let _ = redis.get("a-key-that-nobody-may-see".into()).await;
    }
    assert_eq!(log.lines("redis is down"), 2, "{}", log.text());

    server.restart().await;
    manager.connected(SOON).await.unwrap();
    assert_eq!(log.lines("redis is up"), 4, "{}", log.text());
    assert_eq!(log.lines("another redis answers"), 1, "{}", log.text());
    assert_eq!(log.lines("a-key-that-nobody-may-see"), 0);
}

#[tokio::test]
async fn a_password_is_never_logged() {
    let (log, _guard) = Log::start();
    let server = RedisServer::builder().password("open-sesame").start().await;
    let url = format!("redis://:open-barley@{}", server.address());
    let wrong = ConnectionManager::open(&url).unwrap();
    eventually(SOON, async || {
        wrong.health().to_string().contains("credentials")
    })
    .await;
    let (right, redis) = connect(&server.url(), &Profile::SESSION).await;
    redis.ping().await.unwrap();
    right.close().await;
    let text = log.text();
    assert!(text.contains("credentials"), "{text}");
    assert!(
        !text.contains("barley") && !text.contains("sesame"),
        "{text}"
    );
}

#[tokio::test]
async fn a_server_that_may_evict_what_must_be_kept_is_warned_about() {
    let (log, _guard) = Log::start();
    let server = RedisServer::builder()
        .arg("--maxmemory-policy")
        .arg("allkeys-lru")
        .start()
        .await;
    let url = format!(
        "{}?probe_interval=20ms&stall_age=5s&command_timeout=5s",
        server.url()
    );
    let (manager, cache) = connect(&url, &Profile::CACHE).await;
    cache.ping().await.unwrap();
    assert_eq!(log.lines("allkeys-lru"), 0, "it is right for a cache");

    let _sessions = attach(&manager, &Profile::SESSION);
    eventually(SOON, async || log.lines("allkeys-lru") > 0).await;
    let probes = log.lines("allkeys-lru");
    assert_eq!(probes, 1, "{}", log.text());
}
