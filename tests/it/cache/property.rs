//! After `invalidate` has returned, no read that begins later gets a value loaded before the write: in random
//! interleavings of reads, joins, writes, puts, flushes and callers that go away, with two caches on one store.

use std::{
    convert::Infallible,
    fmt::Display,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{sleep, timeout};
use tower_keep_cache::{Cache, Freshness, LoadError};
use tower_keep_core::connection::ConnectionManager;

use super::setup::{Row, tagged};

const ROWS: usize = 3;
const TASKS: usize = 12;

/// How the writers put.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Put {
    Reads,
    /// The mutant: hands on what was read before.
    HandsOn,
}

struct World {
    caches: [Cache; 2],
    rows: [Row; ROWS],
    /// For each row the last version whose invalidation was acknowledged.
    known: [AtomicU64; ROWS],
    /// The longest pause.
    pause: Duration,
    put: Put,
    violations: Mutex<Vec<String>>,
}

type Loading = Pin<Box<dyn Future<Output = Result<u64, Infallible>> + Send>>;

/// SplitMix64: a seed is all that is needed to have a run again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn pause(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.below(1000) as f64 / 1000.0)
    }
}

impl World {
    fn new(caches: [Cache; 2], pause: Duration, put: Put) -> Arc<Self> {
        Arc::new(Self {
            caches,
            rows: Default::default(),
            known: Default::default(),
            pause,
            put,
            violations: Mutex::default(),
        })
    }

    /// Everything at once, then quiet; and when all is quiet every key must be as new as its row.
    async fn run(self: &Arc<Self>, seed: u64, steps: usize) -> Result<(), String> {
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let world = Arc::clone(self);
                let mut random = Random(seed ^ (task as u64).wrapping_mul(0x1234_5678_9abc_def1));
                tokio::spawn(async move {
                    for _ in 0..steps {
                        sleep(random.pause(world.pause)).await;
                        world.step(&mut random).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await
                .map_err(|error| format!("seed {seed}: {error}"))?;
        }
        for cache in &self.caches {
            for row in 0..ROWS {
                self.read(cache, row, &mut Random(seed)).await;
            }
            self.read_all(cache, &mut Random(seed)).await;
        }
        match self.violations.lock().unwrap().first() {
            None => Ok(()),
            Some(violation) => Err(format!("seed {seed}: {violation}")),
        }
    }

    async fn step(self: &Arc<Self>, random: &mut Random) {
        let cache = &self.caches[random.below(2)];
        let row = random.below(ROWS);
        match random.below(20) {
            0..=8 => self.read(cache, row, random).await,
            9..=11 => self.read_all(cache, random).await,
            12 | 13 => {
                // Somebody who hangs up at a random moment.
                let patience = random.pause(self.pause);
                let _ = timeout(patience, self.read(cache, row, random)).await;
            }
            14..=16 => self.write(cache, row, random).await,
            17 | 18 => self.write_through(cache, row, random).await,
            _ => self.flush(cache).await,
        }
    }

    async fn read(self: &Arc<Self>, cache: &Cache, row: usize, random: &mut Random) {
        let known = self.known[row].load(Ordering::SeqCst);
        let load = self.load(row, random);
        match cache
            .get_or_load(format!("row {row}"), tagged(&tag(row)), load)
            .await
        {
            Ok(version) => self.check(row, version, known),
            Err(error) => self.violation(error),
        }
    }

    /// A value made of all rows, each by a cached read of its own.
    async fn read_all(self: &Arc<Self>, cache: &Cache, random: &mut Random) {
        let known: Vec<u64> = self
            .known
            .iter()
            .map(|known| known.load(Ordering::SeqCst))
            .collect();
        let loads: Vec<_> = (0..ROWS).map(|row| self.load(row, random)).collect();
        let inner = cache.clone();
        let load = move || async move {
            let mut versions = Vec::new();
            for (row, load) in loads.into_iter().enumerate() {
                versions.push(
                    inner
                        .get_or_load(format!("row {row}"), tagged(&tag(row)), load)
                        .await?,
                );
            }
            Ok::<_, LoadError<Infallible>>(versions)
        };
        let freshness = Freshness::ttl(Duration::from_secs(60));
        match cache.get_or_load("all", freshness, load).await {
            Ok(versions) => {
                for (row, version) in versions.into_iter().enumerate() {
                    self.check(row, version, known[row]);
                }
            }
            Err(error) => self.violation(error),
        }
    }

    fn load(&self, row: usize, random: &mut Random) -> impl FnOnce() -> Loading + Send + use<> {
        let row = self.rows[row].clone();
        let (before, after) = (random.pause(self.pause), random.pause(self.pause));
        move || {
            Box::pin(async move {
                sleep(before).await;
                let version = row.read();
                sleep(after).await;
                Ok(version)
            })
        }
    }

    async fn write(&self, cache: &Cache, row: usize, random: &mut Random) {
        let version = self.rows[row].write();
        sleep(random.pause(self.pause)).await;
        match cache.invalidate([tag(row)]).await {
            Ok(()) => {
                self.known[row].fetch_max(version, Ordering::SeqCst);
            }
            Err(error) => self.violation(error),
        }
    }

    async fn write_through(self: &Arc<Self>, cache: &Cache, row: usize, random: &mut Random) {
        self.write(cache, row, random).await;
        let in_hand = self.rows[row].read();
        sleep(random.pause(self.pause)).await;
        let (put, load) = (self.put, self.load(row, random));
        let load = move || async move {
            match put {
                Put::Reads => load().await,
                Put::HandsOn => Ok(in_hand),
            }
        };
        // Another one's fill may be in the way for too long; that it says so is enough.
        let _ = cache
            .put(format!("row {row}"), tagged(&tag(row)), load)
            .await;
    }

    async fn flush(&self, cache: &Cache) {
        let written: Vec<u64> = self.rows.iter().map(Row::read).collect();
        match cache.flush().await {
            Ok(()) => {
                for (known, written) in self.known.iter().zip(written) {
                    known.fetch_max(written, Ordering::SeqCst);
                }
            }
            Err(error) => self.violation(error),
        }
    }

    fn check(&self, row: usize, version: u64, known: u64) {
        if version < known {
            self.violation(format!(
                "row {row}: {version} after {known} was acknowledged"
            ));
        }
    }

    fn violation(&self, violation: impl Display) {
        self.violations.lock().unwrap().push(violation.to_string());
    }
}

fn tag(row: usize) -> String {
    format!("row:{row}")
}

fn in_process() -> [Cache; 2] {
    let manager = ConnectionManager::open("memory:").unwrap();
    [Cache::new(manager.clone()), Cache::new(manager)]
}

const MILLISECOND: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn in_this_process_nothing_from_before_an_invalidation_is_read_after_it() {
    for seed in 0..150 {
        let world = World::new(in_process(), 20 * MILLISECOND, Put::Reads);
        world.run(seed, 25).await.unwrap();
    }
}

/// On two threads, where they really meet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_two_threads_nothing_from_before_an_invalidation_is_read_after_it() {
    for seed in 0..20 {
        let world = World::new(in_process(), MILLISECOND, Put::Reads);
        world.run(seed, 30).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_redis_nothing_from_before_an_invalidation_is_read_after_it() {
    for seed in 0..8 {
        let redis = testkit::redis().await;
        let open = || super::setup::cache(redis.url(), redis.namespace());
        let world = World::new([open().await, open().await], 4 * MILLISECOND, Put::Reads);
        world.run(seed, 30).await.unwrap();
    }
}

/// C11 again: the same search finds it when a put hands on what it has.
#[tokio::test(start_paused = true)]
async fn with_a_put_that_does_not_read_again_a_stale_value_is_found() {
    for seed in 0..150 {
        let world = World::new(in_process(), 20 * MILLISECOND, Put::HandsOn);
        if world.run(seed, 25).await.is_err() {
            return;
        }
    }
    panic!("not found");
}
