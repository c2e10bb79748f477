//! A steady load of reads and writes, and how each operation fared.

use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
    task::Poll,
    time::Duration,
};

use testkit::eventually;
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};
use tower_keep_core::connection::{Class, CommandError, Key, Redis, Script};

use super::super::SOON;

/// 200 operations a second for each key, half of them reads, whether the ones before are done or not.
const PACE: Duration = Duration::from_millis(5);

/// Longer than an operation ought to wait on a cache's settings.
const SLOW: Duration = Duration::from_millis(40);

/// So many in a row have to be served for service to have resumed.
const NO_ACCIDENT: u64 = 20;

/// How operations fared. Each ends as served, unanswered, told or refused.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) begun: u64,
    /// Had no answer at once, so they went to the connection, or waited for it.
    pub(super) sent: u64,
    pub(super) served: u64,
    /// Paid: were sent, and nothing came back.
    pub(super) unanswered: u64,
    /// The server replied with an error.
    pub(super) told: u64,
    /// Had an error at once, without anything having been sent.
    pub(super) refused: u64,
    /// Waited longer than a cache's operation ought to, whatever came of it.
    pub(super) slow: u64,
    /// By class.
    pub(super) errors: BTreeMap<String, u64>,
    /// How many of the last ones were served, and when the first of those was.
    streak: u64,
    streak_began: Option<Instant>,
    /// When the first of so many was served that it was no accident; since the fault was mended.
    pub(super) resumed: Option<Instant>,
}

impl Tally {
    fn serve(&mut self, now: Instant) {
        self.served += 1;
        self.streak += 1;
        if self.streak == 1 {
            self.streak_began = Some(now);
        }
        if self.streak == NO_ACCIDENT {
            self.resumed = self.resumed.or(self.streak_began);
        }
    }
}

/// Runs until dropped.
pub(super) struct Traffic {
    /// For each key, its reads and its writes.
    tallies: Arc<[[Mutex<Tally>; 2]]>,
    task: JoinHandle<()>,
}

impl Traffic {
    pub(super) fn start(redis: &Redis, keys: &'static [&'static str]) -> Self {
        let tallies: Arc<[[Mutex<Tally>; 2]]> = keys.iter().map(|_| Default::default()).collect();
        let (redis, counting) = (redis.clone(), Arc::clone(&tallies));
        let increment = Script::write("return redis.call('INCR', KEYS[1])");
        let task = tokio::spawn(async move {
            let mut pace = interval(PACE);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let classes = [Class::Read, Class::Write].into_iter().cycle();
            for class in classes {
                pace.tick().await;
                for index in 0..keys.len() {
                    let (redis, script) = (redis.clone(), increment.clone());
                    let tallies = Arc::clone(&counting);
                    tokio::spawn(async move {
                        let tally = &tallies[index][place(class)];
                        let key = keys[index];
                        match class {
                            Class::Read => count(tally, redis.get(key.into())).await,
                            Class::Write => {
                                let keys = vec![counter(key)];
                                count(tally, redis.script(&script, keys, Vec::new())).await;
                            }
                        }
                    });
                }
            }
        });
        Self { tallies, task }
    }

    /// So far, of the key with this number.
    pub(super) fn of(&self, key: usize, class: Class) -> Tally {
        lock(&self.tallies[key][place(class)]).clone()
    }

    /// From now on it counts when service resumes.
    pub(super) fn mend(&self) {
        for tally in self.tallies.iter().flatten() {
            let mut tally = lock(tally);
            (tally.streak, tally.resumed) = (0, None);
        }
    }

    /// Waits until, of the key with this number, so many more were counted.
    pub(super) async fn reaches(
        &self,
        key: usize,
        class: Class,
        more: u64,
        what: fn(&Tally) -> u64,
    ) {
        let goal = what(&self.of(key, class)) + more;
        eventually(SOON, async || what(&self.of(key, class)) >= goal).await;
    }

    /// Ends the load, and waits until everything that took off has landed.
    pub(super) async fn stop(&self) {
        self.task.abort();
        let landed = |tally: &Tally| {
            tally.served + tally.unanswered + tally.told + tally.refused == tally.begun
        };
        for tally in self.tallies.iter().flatten() {
            eventually(SOON, async || landed(&lock(tally))).await;
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the writes beside this key count in, on the same master.
pub(super) fn counter(key: &str) -> Key {
    format!("{key}:count").into()
}

async fn count<T>(tally: &Mutex<Tally>, operation: impl Future<Output = Result<T, CommandError>>) {
    let begun = Instant::now();
    lock(tally).begun += 1;
    let mut operation = pin!(operation);
    // A reply cannot be there before anything was sent: what is ready at once has not touched the connection.
    let at_once = poll_fn(|context| Poll::Ready(operation.as_mut().poll(context))).await;
    let (sent, result) = match at_once {
        Poll::Ready(result) => (false, result),
        Poll::Pending => {
            lock(tally).sent += 1;
            (true, operation.await)
        }
    };
    let now = Instant::now();
    let mut tally = lock(tally);
    tally.slow += u64::from(now - begun > SLOW);
    let Err(error) = result else {
        return tally.serve(now);
    };
    tally.streak = 0;
    *tally.errors.entry(class_of(&error)).or_default() += 1;
    match sent {
        true if error.may_have_run() => tally.unanswered += 1,
        true => tally.told += 1,
        false => tally.refused += 1,
    }
}

/// The name of the variant, and what the server said where that is all there is.
fn class_of(error: &CommandError) -> String {
    format!("{error:?}")
}

fn place(class: Class) -> usize {
    match class {
        Class::Read => 0,
        Class::Write => 1,
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap()
}
