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

/// A server with this policy that a right can be taken from, and a URL that asks it often.
async fn evicting(policy: &str) -> (RedisServer, String) {
    let server = RedisServer::builder()
        .arg("--maxmemory-policy")
        .arg(policy)
        .start()
        .await;
    let url = format!(
        "{}?probe_interval=20ms&stall_age=5s&command_timeout=5s",
        server.url()
    );
    (server, url)
}

/// Waits until the prober has made whole rounds since now.
async fn probed(server: &RedisServer) {
    let mut client = server.client().await;
    let mut pings = async || {
        let stats = client.words("INFO commandstats").await;
        let (_, pings) = stats.text().split_once("cmdstat_ping:calls=").unwrap();
        pings.split(',').next().unwrap().parse::<u64>().unwrap()
    };
    let before = pings().await;
    eventually(SOON, async || pings().await >= before + 3).await;
}

#[tokio::test]
async fn a_server_that_may_evict_what_must_be_kept_is_warned_about() {
    for policy in ["allkeys-lru", "volatile-ttl"] {
        let (log, _guard) = Log::start();
        let (server, url) = evicting(policy).await;
        let (manager, _cache) = connect(&url, &Profile::CACHE).await;
        let _fleet = attach(&manager, &Profile::FLEET);
        probed(&server).await;
        assert_eq!(log.lines(policy), 0, "it is right for a cache");

        let _sessions = attach(&manager, &Profile::SESSION);
        eventually(SOON, async || log.lines("endangered=\"session\"") > 0).await;
        let _limits = attach(&manager, &Profile::LIMITER);
        eventually(SOON, async || {
            log.lines("endangered=\"session, limiter\"") > 0
        })
        .await;
        let _more = attach(&manager, &Profile::LIMITER);
        probed(&server).await;
        let warned = log.lines(&format!("policy=\"{policy}\""));
        assert_eq!(warned, 2, "{}", log.text());
    }
}

#[tokio::test]
async fn a_server_that_evicts_nothing_or_does_not_tell_is_not_warned_about() {
    let (log, _guard) = Log::start();
    let (server, url) = evicting("noeviction").await;
    let (_manager, _sessions) = connect(&url, &Profile::SESSION).await;
    probed(&server).await;

    let (silent, url) = evicting("allkeys-lru").await;
    let mut client = silent.client().await;
    client
        .words("ACL SETUSER app on nopass ~* +@all -info")
        .await;
    let (manager, _sessions) = connect(&url.replace("//", "//app:any@"), &Profile::SESSION).await;
    probed(&silent).await;
    assert!(manager.health().is_up());
    assert_eq!(log.lines("maxmemory-policy"), 0, "{}", log.text());
}

#[tokio::test]
async fn a_hang_is_one_event_for_each_class_and_its_end_another() {
    let (log, _guard) = Log::start();
    let server = RedisServer::start().await;
    let (manager, redis) = connect(&server.url(), &Profile::SESSION).await;
    server.pause();
    eventually(SOON, async || {
        let _ = redis.get("a-key-that-nobody-may-see".into()).await;
        !manager.health().is_up()
    })
    .await;
    for _ in 0..1000 {
        let _ = redis.get("a-key-that-nobody-may-see".into()).await;
    }
    let down = log.lines("redis is down");
    server.resume();
    manager.connected(SOON).await.unwrap();
    assert_eq!(log.lines("redis is up"), 4, "{}", log.text());
    // Twice for each class at most: it was silent, and perhaps its connection was replaced then.
    assert!((2..=4).contains(&down), "{}", log.text());
    assert_eq!(log.lines("a-key-that-nobody-may-see"), 0);
}
