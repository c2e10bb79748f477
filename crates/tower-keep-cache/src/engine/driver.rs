//! The task behind a flight.
//!
//! Requests only wait; this task does what has to be done once for all of them: it gets the lease, or watches the
//! process that has it, makes one of the waiting requests the leader, renews the lease while the leader's fill runs,
//! stores, and tells everybody. No request's end can therefore stop a flight, and a request that is dropped at any
//! point leaves nothing behind.

use std::{sync::Arc, time::Duration};

use futures_util::future::join;
use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until},
};
use tower_keep_core::{RedisBudget, connection::CommandError};

use super::{
    admission::{Admission, AloneReason, Belief, Engine, Hit, Outcome, Watched},
    fill::{Brought, Fill, FillOutcome, Report, Unstored},
    flight::Flight,
    flights::live,
    place::Place,
    telemetry,
};
use crate::{
    entry::Entry,
    key::EntryKey,
    store::{Begin, Lease, Stored},
    tag::{Tag, TagId},
};

/// Between two looks at a key that another process fills, at most; half of it at least. Short at first, as most fills
/// are.
const POLL_FIRST: Duration = Duration::from_millis(10);
const POLL_LAST: Duration = Duration::from_millis(50);

/// What to do about a lease that somebody else holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Patience {
    /// Wait for the entry.
    ForEntry,
    /// Wait for the lease: the entry that it brings is not good enough.
    ForLease,
    /// Do not wait.
    None,
}

#[derive(Debug)]
pub(super) struct Driver {
    engine: Arc<Engine>,
    key: EntryKey,
    expected: Arc<[Tag]>,
    place: Place,
    /// The entry that is there and is not good enough.
    base: Option<Hit>,
    patience: Patience,
    /// The flight is gone from its place, and another one may stand there.
    landed: bool,
    /// Bounds the flights, and with them the detached fills, of this process.
    _permit: OwnedSemaphorePermit,
}

/// How to begin.
#[derive(Debug)]
pub(super) enum Start {
    /// With a look at the store: somebody may have brought the entry meanwhile.
    Look,
    /// The requests have just looked.
    Begin,
    /// The look failed: Redis is not asked again for this run.
    Away(Unstored),
}

/// What getting the lease came to.
enum Acquired {
    /// There is an entry now.
    Found(Hit),
    /// A run begins, with the lease or without.
    Run(Result<Lease, Unstored>),
    /// Somebody else has the lease, and nobody here wants to wait.
    Foreign,
    /// Nobody waits any more.
    Deserted,
}

impl Driver {
    pub(super) fn new(
        engine: Arc<Engine>,
        key: EntryKey,
        expected: Arc<[Tag]>,
        place: Place,
        patience: Patience,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            engine,
            key,
            expected,
            place,
            base: None,
            patience,
            landed: false,
            _permit: permit,
        }
    }

    /// With an entry that is there and not good enough.
    pub(super) fn about(mut self, base: Option<Hit>) -> Self {
        self.base = base;
        self
    }

    /// `budget`: of the request that has begun this, which waits until a run begins.
    pub(super) async fn drive(mut self, mut start: Start, mut budget: Option<RedisBudget>) {
        let ids: Vec<TagId> = self.expected.iter().map(Tag::id).collect();
        loop {
            let acquire = self.acquire(start, &ids);
            let acquired = match budget.take() {
                Some(budget) => budget.scope(acquire).await,
                None => acquire.await,
            };
            start = match acquired {
                Acquired::Found(hit) => {
                    self.found(hit);
                    Start::Look
                }
                Acquired::Run(lease) => self.run(lease, &ids).await,
                Acquired::Foreign => {
                    // Who has joined since came to wait.
                    for waiter in self.place.with(&self.key, |flight| flight.take(1)) {
                        let _ = waiter.send(Admission::Alone(AloneReason::Foreign));
                    }
                    Start::Look
                }
                Acquired::Deserted => Start::Look,
            };
            if !self.place.next(&self.key) {
                self.landed = true;
                return;
            }
            // Who is left came to wait.
            self.patience = Patience::ForEntry;
        }
    }

    async fn acquire(&mut self, start: Start, ids: &[TagId]) -> Acquired {
        match start {
            Start::Look => {
                if let Some(acquired) = self.look().await {
                    return acquired;
                }
            }
            Start::Begin => {}
            Start::Away(unstored) => return Acquired::Run(Err(unstored)),
        }
        let mut pause = POLL_FIRST;
        loop {
            self.place.with(&self.key, Flight::begin);
            let (begun, missed) = self.begin(ids).await;
            match begun {
                Ok(Begin::Lease(lease)) => {
                    let Some(hit) = missed else {
                        return Acquired::Run(Ok(lease));
                    };
                    self.release(Ok(lease)).await;
                    return Acquired::Found(hit);
                }
                Ok(Begin::NoStoreUntil(_)) => return Acquired::Run(Err(Unstored::Held)),
                Ok(Begin::Held { .. }) if self.patience == Patience::None => {
                    return Acquired::Foreign;
                }
                Ok(Begin::Held { .. }) => {
                    let began = Instant::now();
                    let acquired = self.watch(&mut pause, ids).await;
                    telemetry::waited(began);
                    if let Some(acquired) = acquired {
                        return acquired;
                    }
                }
                Err(error) => return Acquired::Run(Err(Unstored::Redis(error))),
            }
        }
    }

    /// Asks for the lease and, in the same round trip, whether another process has stored the entry between the look
    /// of those who are here and this: it would be run twice for nothing.
    async fn begin(&mut self, ids: &[TagId]) -> (Result<Begin, CommandError>, Option<Hit>) {
        let begin = self.engine.store.begin_fill(&self.key, ids);
        if self.patience != Patience::ForEntry {
            return (begin.await, None);
        }
        let (begun, seen) = join(begin, self.engine.see(&self.key, &self.expected)).await;
        // An error says that nothing is known, as before it.
        let seen = seen.ok().and_then(Result::ok);
        (begun, seen.and_then(|hit| self.news(hit)))
    }

    /// What those who are here have not seen, and may have. Anything else that is there is what the handler may be asked
    /// about.
    fn news(&mut self, hit: Hit) -> Option<Hit> {
        if is_news(self.base.as_ref(), &hit) {
            return Some(hit);
        }
        self.base = Some(hit);
        None
    }

    /// Looks into the store for everybody who is here.
    async fn look(&mut self) -> Option<Acquired> {
        self.place.with(&self.key, Flight::begin);
        match self.engine.look(&self.key, &self.expected).await {
            Ok(hit) => hit.and_then(|hit| self.news(hit)).map(Acquired::Found),
            Err(error) => Some(Acquired::Run(Err(Unstored::Redis(error)))),
        }
    }

    /// Watches the fill of another process. `None`: its lease has gone and there is no entry.
    ///
    /// It ends with the lease, which a dead process does not renew, or with the patience of the last who waits.
    async fn watch(&self, pause: &mut Duration, ids: &[TagId]) -> Option<Acquired> {
        loop {
            sleep(jittered(*pause)).await;
            *pause = (*pause * 2).min(POLL_LAST);
            if !self.place.with(&self.key, |flight| flight.prune(live)) {
                return Some(Acquired::Deserted);
            }
            if self.patience == Patience::ForLease {
                return None;
            }
            self.place.with(&self.key, Flight::begin);
            let wanted = |hit: &Hit| is_news(self.base.as_ref(), hit);
            match self.engine.poll(&self.key, ids, wanted).await {
                Ok(Watched::Found(hit)) => return Some(Acquired::Found(hit)),
                Ok(Watched::Blocked) => return Some(Acquired::Run(Err(Unstored::Pending))),
                Ok(Watched::Held) => {}
                Ok(Watched::Free) => return None,
                Err(error) => return Some(Acquired::Run(Err(Unstored::Redis(error)))),
            }
        }
    }

    /// An entry was read for those who were here before.
    fn found(&self, hit: Hit) {
        if let Place::Shared(flights) = &self.place {
            flights.found(&self.key);
        }
        self.share(&Outcome::Entry(hit), false);
    }

    /// One run: a leader, its fill, and what becomes of it. Says how those who are left begin.
    async fn run(&self, lease: Result<Lease, Unstored>, ids: &[TagId]) -> Start {
        if lease.is_err() {
            // No token counts here: the run begins now, and whoever is here was here before.
            self.place.with(&self.key, Flight::begin);
        }
        let deadline = Instant::now() + self.engine.settings.fill_timeout;
        let Some(reported) = self.appoint(lease.as_ref().err(), deadline) else {
            self.release(lease).await;
            return Start::Look;
        };
        let began = Instant::now();
        let report = self.attend(reported, lease.as_ref().ok(), deadline).await;
        telemetry::ran(began);
        match report {
            Some(Report::Store(mut brought, answer)) => {
                brought.tags.extend_from_slice(ids);
                let spare = lease.clone();
                let bytes = brought.entry.body.len();
                let outcome = self.store(brought, lease).await;
                telemetry::stored(&outcome, bytes);
                self.engine.backoff.forget(&self.key);
                let unanswered = matches!(outcome, FillOutcome::Unstored(Unstored::Redis(_)));
                let _ = answer.send(outcome);
                // A store that has not arrived has not ended the lease, and must not store any more.
                if unanswered {
                    self.release(spare).await;
                }
                Start::Look
            }
            Some(Report::Fail(copy)) => {
                telemetry::failed();
                self.back_off(true);
                for waiter in self.place.with(&self.key, Flight::take_all) {
                    let _ = waiter.send(Admission::Copy(Outcome::Failed(Arc::clone(&copy))));
                }
                self.release(lease).await;
                Start::Look
            }
            Some(Report::Refuse { failed }) => {
                telemetry::not_storable();
                self.back_off(failed);
                self.not_sharable();
                self.release(lease).await;
                Start::Look
            }
            // The leader has vanished. The next one gets a token of its own, so that all who are here now count as
            // having joined before.
            None => {
                telemetry::abandoned();
                self.back_off(true);
                self.release(lease).await;
                Start::Begin
            }
        }
    }

    /// Makes the first who still waits the leader.
    fn appoint(
        &self,
        unstored: Option<&Unstored>,
        deadline: Instant,
    ) -> Option<oneshot::Receiver<Report>> {
        loop {
            let (leader, waited_for) = self
                .place
                .with(&self.key, |flight| (flight.elect(live), flight.early() > 0));
            let (fill, reported) =
                Fill::new(unstored.cloned(), waited_for, self.base.clone(), deadline);
            // One that went away just now has dropped the fill, and the receiver would say so; ask the next at once.
            if leader?.send(Admission::Lead(fill)).is_ok() {
                return Some(reported);
            }
        }
    }

    /// Keeps the lease while the fill runs. `None`: the leader has vanished, or the time is over.
    async fn attend(
        &self,
        mut reported: oneshot::Receiver<Report>,
        lease: Option<&Lease>,
        deadline: Instant,
    ) -> Option<Report> {
        let mut renewal = interval_at(Instant::now() + Lease::RENEWAL, Lease::RENEWAL);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut lease = lease;
        loop {
            tokio::select! {
                biased;
                report = &mut reported => return report.ok(),
                () = sleep_until(deadline) => return None,
                _ = renewal.tick(), if lease.is_some() => {
                    // A lease that is lost stays lost, and `store` will hear of it. An error may pass.
                    if let Some(held) = lease {
                        if let Ok(false) = self.engine.store.renew(&self.key, held).await {
                            lease = None;
                        }
                    }
                }
            }
        }
    }

    /// Stores, and tells those who may have the bytes.
    async fn store(&self, brought: Brought, lease: Result<Lease, Unstored>) -> FillOutcome {
        let Brought {
            entry,
            mut tags,
            life,
            renewed,
            shared,
            elsewhere,
        } = brought;
        let base = self.base.as_ref().filter(|_| renewed);
        // What was asked about is made of what it was made of, and of what it took to say that it is still good.
        tags.extend(base.iter().flat_map(|base| base.tags.iter()));
        tags.sort_unstable();
        tags.dedup();
        let hit = Hit {
            entry,
            tags: tags.as_slice().into(),
            revision: None,
        };
        // Closed first, then the look at what is pending, then the store: who comes after an invalidation that did
        // not reach Redis either finds the flight closed, or the invalidation is seen here.
        self.place.with(&self.key, Flight::close);
        let belief = self.engine.believe();
        if shared {
            self.share(&Outcome::Entry(hit.clone()), false);
        } else {
            self.not_sharable();
        }
        let lease = match lease {
            Ok(lease) => lease,
            Err(unstored) => return FillOutcome::Unstored(unstored),
        };
        let belief = match belief {
            Ok(belief) if !belief.blocked.covers(&tags) => belief,
            other => {
                self.release(Ok(lease)).await;
                let why = other.map_or_else(Unstored::Redis, |_| Unstored::Pending);
                return FillOutcome::Unstored(why);
            }
        };
        let (store, entry) = (&self.engine.store, &hit.entry);
        let stored = match &elsewhere {
            None => {
                let renewed = base.and_then(|base| base.revision);
                store
                    .store(&self.key, lease, &tags, entry, life, renewed)
                    .await
            }
            Some(elsewhere) => {
                store
                    .store_elsewhere(&self.key, lease, &tags, entry, life, elsewhere)
                    .await
            }
        };
        match stored {
            Ok(Stored::Stored) => {
                if shared {
                    self.stored(hit, &belief);
                }
                FillOutcome::Stored
            }
            Ok(Stored::Refused(cause)) => FillOutcome::Refused(cause),
            Err(error) => FillOutcome::Unstored(Unstored::Redis(error)),
        }
    }

    /// There is an entry now for everybody.
    fn stored(&self, hit: Hit, belief: &Belief) {
        if let Place::Shared(flights) = &self.place {
            flights.stored(&self.key);
        }
        // Another life of the server may have said so, one that has forgotten what was invalidated.
        if self.engine.still(belief).is_ok() {
            self.share(&Outcome::Entry(hit), true);
        }
    }

    /// Nobody here may have what the leader has got, and nobody shall wait for it for a while.
    fn not_sharable(&self) {
        if let Place::Shared(flights) = &self.place {
            flights.not_storable(&self.key, Instant::now());
        }
        for waiter in self.place.with(&self.key, Flight::take_all) {
            let _ = waiter.send(Admission::Alone(AloneReason::NotStorable));
        }
    }

    /// As long as there is something to serve instead, the handler is not troubled again at once.
    fn back_off(&self, failed: bool) {
        if self.base.is_none() {
            return;
        }
        match failed {
            true => self.engine.backoff.failed(&self.key, Instant::now()),
            false => self.engine.backoff.refused(&self.key, Instant::now()),
        }
    }

    fn share(&self, outcome: &Outcome, stored: bool) {
        let entitled = self
            .place
            .with(&self.key, |flight| flight.take(flight.entitled(stored)));
        for waiter in entitled {
            let _ = waiter.send(Admission::Copy(outcome.clone()));
        }
    }

    /// Best effort: a lease that is not given back ends by itself.
    async fn release(&self, lease: Result<Lease, Unstored>) {
        if let Ok(lease) = lease {
            let _ = self.engine.store.release(&self.key, lease).await;
        }
    }
}

/// The runtime stops, and the task with it: who waits must hear of it, and the key must not be stuck.
impl Drop for Driver {
    fn drop(&mut self) {
        if let (false, Place::Shared(flights)) = (self.landed, &self.place) {
            flights.remove(&self.key);
        }
    }
}

/// Whether an entry is one that nobody here has seen and not taken, and fresh.
fn is_news(base: Option<&Hit>, hit: &Hit) -> bool {
    let seen = base.is_some_and(|base| base.revision == hit.revision);
    !seen && hit.entry.is_fresh(Entry::now())
}

/// Between half of `pause` and all of it, so that processes do not ask in step.
fn jittered(pause: Duration) -> Duration {
    // Without randomness all is as right, only not as even.
    let share = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
    pause.mul_f64(0.5 + share / 2.0)
}
