//! One fault, from the moment before it to the moment when all is well again.

use futures_util::future::join_all;
use testkit::eventually;
use tokio::time::Instant;
use tower_keep_core::connection::{Backend, Class, ConnectionManager, Profile, Redis, SetOptions};

use super::{
    super::SOON,
    AWAY, BOTH, Client,
    figures::{Figures, classes, sum},
    traffic::{Tally, Traffic, counter},
};

/// How many operations may wait without getting an answer, and how many may wait longer than 40 ms, over a whole
/// outage. At 200 operations a second, the stall age of a cache lets five take off before the gate shuts; the rest is
/// for a busy machine.
const FEW: u64 = 60;

/// Enough to see that it goes on like that.
const MANY: u64 = 50;

/// Those that took off before the gate shut have landed when so many that came later were refused.
const LANDED: u64 = 10;

/// A fault under way.
pub(super) struct Row {
    fault: &'static str,
    form: String,
    pub(super) manager: ConnectionManager,
    pub(super) redis: Redis,
    traffic: Traffic,
    keys: &'static [&'static str],
    /// The connection at the beginning.
    generation: u64,
    broke: Instant,
    mended: Option<Instant>,
    sent_after: u64,
}

impl Row {
    /// Connects, and serves for a while. The fault has to follow at once.
    pub(super) async fn begin(fault: &'static str, client: Client) -> Self {
        let manager = client.builder.open().unwrap();
        manager.connected(SOON).await.unwrap();
        let mut row = Self::of(fault, client.form, manager, &client.profile, client.keys);
        row.serve().await;
        row.generation = row.redis.generation();
        row.broke = Instant::now();
        row
    }

    /// What is wrong is wrong from the start.
    pub(super) fn begin_broken(fault: &'static str, client: Client) -> Self {
        let manager = client.builder.open().unwrap();
        Self::of(fault, client.form, manager, &client.profile, client.keys)
    }

    fn of(
        fault: &'static str,
        form: String,
        manager: ConnectionManager,
        profile: &Profile,
        keys: &'static [&'static str],
    ) -> Self {
        let name = Figures::name(fault, &form);
        let thread = std::thread::current();
        // A test has a thread with its name, unless they run one after the other.
        let test = thread.name().filter(|name| *name != "main");
        assert!(
            test.is_none_or(|test| test.ends_with(&format!("::{name}"))),
            "the test of this row is to be called {name}"
        );
        let Backend::Redis(redis) = manager.attach(profile) else {
            panic!("{manager:?} is no server")
        };
        Self {
            fault,
            form,
            traffic: Traffic::start(&redis, keys),
            manager,
            redis,
            keys,
            generation: 0,
            broke: Instant::now(),
            mended: None,
            sent_after: 0,
        }
    }

    /// Waits until operations of these classes are refused, and sees that none of them touches the connection then.
    pub(super) async fn shuts(&mut self, classes: &[Class]) {
        for class in classes {
            self.traffic
                .reaches(0, *class, LANDED, |tally| tally.refused)
                .await;
        }
        let before = self.sent(classes);
        for class in classes {
            self.traffic
                .reaches(0, *class, MANY, |tally| tally.refused)
                .await;
        }
        let after = self.sent(classes) - before;
        assert_eq!(after, 0, "operations were sent after the gate had shut");
        self.sent_after += after;
    }

    /// All goes on.
    pub(super) async fn serve(&self) {
        join_all(BOTH.map(|class| self.serves(class))).await;
    }

    /// Operations of this class go on, on all keys.
    pub(super) async fn serves(&self, class: Class) {
        let keys = 0..self.keys.len();
        join_all(keys.map(|key| self.traffic.reaches(key, class, MANY, |tally| tally.served)))
            .await;
    }

    /// Waits until there is another connection than the one at the start.
    pub(super) async fn connects_again(&self) {
        eventually(SOON, async || self.redis.generation() > self.generation).await;
    }

    /// What is read from now on is so many bytes long.
    pub(super) async fn stores(&self, bytes: u64) {
        let value = vec![7; usize::try_from(bytes).unwrap()];
        let key = self.keys[0].into();
        let stored = self
            .redis
            .set(key, value.into(), SetOptions::default())
            .await;
        stored.unwrap();
    }

    /// Redis can serve again from this moment. Waits until everything is served.
    pub(super) async fn resumes(&mut self) {
        self.mended = Some(Instant::now());
        self.traffic.mend();
        self.serve().await;
    }

    /// Ends the load, and holds what it met to the bars: no errors but these. A busy machine can hold up a healthy Redis
    /// for longer than the stall age, and the gate is right to shut then; so a few that found Redis away are no surprise.
    pub(super) async fn end(self, reads: &[&str], writes: &[&str]) {
        self.traffic.stop().await;
        let of = |class| sum(&self.all(class));
        let [read, write] = BOTH.map(of);
        let all = sum([&read, &write]);
        let resumed = all.resumed.filter(|_| self.mended.is_some());
        let figures = Figures {
            fault: self.fault,
            form: self.form.clone(),
            unanswered: all.unanswered,
            told: all.told,
            slow: all.slow,
            sent_after: self.sent_after,
            others_refused: self.others_refused(),
            away: resumed.map(|resumed| resumed - self.broke),
            resumed: resumed
                .zip(self.mended)
                .map(|(resumed, mended)| resumed - mended),
            errors: [&read, &write].map(|tally| classes(&tally.errors)),
        };
        for (tally, allowed) in [(&read, reads), (&write, writes)] {
            let surprises = surprises(tally, allowed);
            assert!(surprises <= FEW, "reads: {read:?}; writes: {write:?}");
        }
        assert!(all.unanswered <= FEW && all.slow <= FEW, "{all:?}");
        if self.mended.is_some() {
            self.executed_at_most_once().await;
        }
        figures.publish();
    }

    /// The writes have counted themselves. What was not answered may have been executed, and a fault may lose what was.
    async fn executed_at_most_once(&self) {
        for (index, key) in self.keys.iter().enumerate() {
            let tally = self.traffic.of(index, Class::Write);
            eventually(SOON, async || {
                let Ok(count) = self.redis.get(counter(key)).await else {
                    return false;
                };
                let count = count.map_or(0, |text| number(&text));
                assert!(
                    count <= tally.served + tally.unanswered,
                    "{count}: {tally:?}"
                );
                true
            })
            .await;
        }
    }

    fn sent(&self, classes: &[Class]) -> u64 {
        let sent = |class: &Class| self.traffic.of(0, *class).sent;
        classes.iter().map(sent).sum()
    }

    /// The tallies of all keys.
    fn all(&self, class: Class) -> Vec<Tally> {
        (0..self.keys.len())
            .map(|key| self.traffic.of(key, class))
            .collect()
    }

    /// As many of a hundred as were refused of the key that the fault is about.
    fn others_refused(&self) -> Option<u64> {
        let refused = |key| sum(&BOTH.map(|class| self.traffic.of(key, class))).refused;
        let others = (1..self.keys.len()).map(refused).max()?;
        Some((others * 100).checked_div(refused(0)).unwrap_or(0))
    }
}

/// How many errors were others than these.
///
/// # Panics
/// If one of them does not say that Redis was away.
fn surprises(tally: &Tally, allowed: &[&str]) -> u64 {
    let others = tally
        .errors
        .iter()
        .filter(|(class, _)| !allowed.contains(&class.as_str()));
    let counts = others.map(|(class, count)| match AWAY.contains(&class.as_str()) {
        true => *count,
        false => panic!("{class}: {tally:?}"),
    });
    counts.sum()
}

fn number(text: &[u8]) -> u64 {
    std::str::from_utf8(text).unwrap().parse().unwrap()
}
