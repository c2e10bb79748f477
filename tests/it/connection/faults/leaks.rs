//! A long outage at full load leaves nothing behind: no memory, no task, no permit, no connection.

use std::{
    fs,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use testkit::{RedisServer, eventually, process};
use tokio::{
    runtime::Handle,
    task::{JoinHandle, yield_now},
    time::sleep,
};
use tower_keep_core::connection::{CommandError, Profile, Redis};

use super::super::{SOON, connect, is_pending};
use super::figures;

const CALLERS: usize = 64;

/// Millions of operations are refused in a second, so a byte lost by each of them would be many times this.
const NOISE_KIB: u64 = 8 * 1024;

const SECOND_PART: &str = "connection::faults::leaks::second_part";
const SECONDS: &str = "SECONDS";

/// In a process of its own, so that the memory is its alone.
async fn an_outage_of(seconds: &str) {
    let mut peer = process::reexec(SECOND_PART, &[(SECONDS, seconds)]);
    for _ in 0..seconds.parse().unwrap() {
        peer.heard("SECOND").await;
    }
    peer.finish().await;
}

#[tokio::test]
async fn a_short_outage_at_full_load_leaves_nothing_behind() {
    an_outage_of("5").await;
}

#[tokio::test]
#[ignore = "takes a minute; cargo xtask test faults runs it"]
async fn a_long_outage_at_full_load_leaves_nothing_behind() {
    an_outage_of("60").await;
}

#[tokio::test]
async fn second_part() {
    let Some(parent) = process::parent() else {
        return;
    };
    let seconds: u64 = std::env::var(SECONDS).unwrap().parse().unwrap();
    let server = RedisServer::start().await;
    let mut admin = server.client().await;
    let url = format!("{}?in_flight={CALLERS}", server.url());
    let (manager, redis) = connect(&url, &Profile::CACHE).await;
    let tasks = Handle::current().metrics().num_alive_tasks();

    let callers = Callers::start(&redis);
    // Whatever an outage needs is allocated by the first one.
    outage(&server, &callers, 1, || {}).await;
    let (before, calls) = (resident_kib(), callers.calls());
    outage(&server, &callers, seconds, || parent.say("SECOND")).await;
    let after = resident_kib();
    let calls = callers.calls() - calls;
    callers.end().await;

    assert!(
        after <= before + NOISE_KIB,
        "{before} KiB have become {after} KiB in {calls} calls"
    );
    manager.connected(SOON).await.unwrap();
    eventually(SOON, async || {
        Handle::current().metrics().num_alive_tasks() == tasks
    })
    .await;
    eventually(SOON, async || all_places_are_free(&redis).await).await;
    // That of the manager, and ours.
    eventually(SOON, async || {
        let list = admin.words("CLIENT LIST").await;
        list.text().lines().count() == 2
    })
    .await;
    figures::note(&format!(
        "{CALLERS} callers at full speed while Redis was stopped for {seconds} s: {calls} operations; resident memory \
         {before} KiB before and {after} KiB after; {tasks} tasks, {CALLERS} places in flight and one connection, as \
         before."
    ));
}

/// Redis is stopped for so many seconds, and then serves again.
async fn outage(server: &RedisServer, callers: &Callers, seconds: u64, tick: impl Fn()) {
    server.pause();
    for _ in 0..seconds {
        // It is how long the outage lasts, and waits for nothing.
        sleep(Duration::from_secs(1)).await;
        tick();
    }
    server.resume();
    let served = callers.served.load(Ordering::SeqCst);
    eventually(SOON, async || {
        callers.served.load(Ordering::SeqCst) > served + 1000
    })
    .await;
}

/// Each calls again as soon as it has been answered.
struct Callers {
    tasks: Vec<JoinHandle<()>>,
    served: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
}

impl Callers {
    fn start(redis: &Redis) -> Self {
        let (served, failed) = <(Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let ended = Arc::<AtomicBool>::default();
        let tasks = (0..CALLERS).map(|_| {
            let (redis, ended) = (redis.clone(), Arc::clone(&ended));
            let (served, failed) = (Arc::clone(&served), Arc::clone(&failed));
            tokio::spawn(async move {
                while !ended.load(Ordering::SeqCst) {
                    let counter = match redis.get("key".into()).await {
                        Ok(_) => &served,
                        Err(_) => &failed,
                    };
                    counter.fetch_add(1, Ordering::SeqCst);
                    // A refusal is there at once.
                    yield_now().await;
                }
            })
        });
        Self {
            tasks: tasks.collect(),
            served,
            failed,
            ended,
        }
    }

    fn calls(&self) -> u64 {
        self.served.load(Ordering::SeqCst) + self.failed.load(Ordering::SeqCst)
    }

    async fn end(self) {
        self.ended.store(true, Ordering::SeqCst);
        for ended in join_all(self.tasks).await {
            ended.unwrap();
        }
    }
}

/// Nothing runs between the polls, so no reply can free a place meanwhile.
async fn all_places_are_free(redis: &Redis) -> bool {
    let mut taken: Vec<_> = (0..CALLERS)
        .map(|_| Box::pin(redis.get("key".into())))
        .collect();
    let all = taken
        .iter_mut()
        .all(|operation| is_pending(operation.as_mut()));
    let one_more = pin!(redis.get("key".into())).await;
    join_all(taken).await;
    all && one_more == Err(CommandError::Overloaded)
}

/// What this process holds, from procfs: proc_pid_status(5). Nothing where there is none.
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    resident.map_or(0, |text| {
        text.trim().trim_end_matches(" kB").parse().unwrap()
    })
}
