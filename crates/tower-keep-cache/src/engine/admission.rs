//! The way of a request through the engine.

use std::{any::Any, sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{Instant, timeout},
};
use tower_keep_core::{
    RedisBudget,
    connection::{CommandError, ConnectionManager, Redis},
};

use super::{
    backoff::Backoff,
    driver::{Driver, Patience, Start},
    fill::{Fill, Unstored},
    flights::{Flights, Joined},
    lives::{Connection, Lives},
    pending::{self, Invalidation, Pending, Retry, Snapshot},
    place::Place,
    scope::Scope,
    settings::Settings,
    telemetry,
};
use crate::{
    entry::Entry,
    key::EntryKey,
    store::{Found, Lookup, MissCause, Revision, Store},
    tag::{Tag, TagId},
    telemetry::{Owner, Owners},
};

/// So many flights, and detached fills with them, at once. More than a database has connections for by far, and
/// what they hold in memory stays bounded; who comes beyond runs in its own request, as without a cache.
const FILLS: usize = 1024;

/// The name of the owner of what handlers ask for.
const VALUES: &str = "values";

/// What a request is told.
#[derive(Debug)]
pub(crate) enum Admission {
    /// The entry was there.
    Hit(Hit),
    /// Run the handler, in a detached task, for everybody who waits.
    Lead(Fill),
    /// Somebody else ran it.
    Copy(Outcome),
    /// Run the handler in the request itself; nothing is stored.
    Alone(AloneReason),
}

/// An entry with its tags.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    pub(crate) entry: Arc<Entry>,
    pub(crate) tags: Arc<[TagId]>,
    /// Which entry of the store it is; `None` before it is there.
    pub(crate) revision: Option<Revision>,
}

impl From<Found> for Hit {
    fn from(found: Found) -> Self {
        Self {
            entry: found.entry,
            tags: found.tags,
            revision: Some(found.revision),
        }
    }
}

/// What a flight has brought.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The entry, whether it could be stored or not.
    Entry(Hit),
    /// The handler's failure, as given to [`Fill::fail`].
    Failed(Arc<dyn Any + Send + Sync>),
}

/// Why a request goes alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AloneReason {
    /// The answer that it waited for may not be stored.
    NotStorable,
    /// The key's answers could not be stored before: nobody waits for them.
    HitForMiss,
    /// Another process has the lease of a key for which nobody waits.
    Foreign,
    /// It has waited for as long as a request waits.
    WaitTimeout,
    /// Too many fills are on their way.
    Full,
    /// It runs inside a fill of the same key and would wait for itself.
    Nested,
    /// The runtime of the flight has stopped.
    Abandoned,
}

/// What has become of another process's fill.
#[derive(Debug)]
pub(super) enum Watched {
    Found(Hit),
    /// An entry that this process may not serve: no use in waiting for another one.
    Blocked,
    Held,
    /// There is no lease, and no entry.
    Free,
}

/// On which connection, and with which exceptions, an answer of the store counts.
#[derive(Debug)]
pub(super) struct Belief {
    connection: Connection,
    pub(super) blocked: Snapshot,
}

/// What all requests of one cache share.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub(super) store: Store,
    pub(super) flights: Arc<Flights>,
    pub(super) pending: Arc<Pending>,
    pub(crate) settings: Settings,
    pub(crate) owners: Arc<Owners>,
    /// The owner of what handlers ask for.
    pub(crate) values: Arc<Owner>,
    pub(super) fills: Arc<Semaphore>,
    pub(super) backoff: Arc<Backoff>,
    lives: Arc<Lives>,
    manager: ConnectionManager,
}

impl Engine {
    /// `redis`: what the store works on, if it does not work in this process.
    pub(crate) fn new(store: Store, manager: ConnectionManager, redis: Option<Redis>) -> Self {
        let owners = Arc::<Owners>::default();
        Self {
            store,
            values: owners.owner(VALUES),
            owners,
            flights: Arc::new(Flights::new()),
            pending: Arc::default(),
            settings: Settings::default(),
            fills: Arc::new(Semaphore::new(FILLS)),
            backoff: Arc::default(),
            lives: Arc::new(Lives::new(redis, manager.clone())),
            manager,
        }
    }

    /// The entry for `key`, where it takes no waiting to find it: in this process. `None` says nothing.
    pub(crate) fn at_hand(&self, key: &EntryKey) -> Option<Hit> {
        let Store::Memory(store) = &self.store else {
            return None;
        };
        let belief = self.believe().ok()?;
        match store.lookup(key) {
            Lookup::Hit(found) if !belief.blocked.covers(&found.tags) => Some(found.into()),
            Lookup::Hit(_) | Lookup::Miss(_) => None,
        }
    }

    /// A request for `key`: an entry, or the duty to make it, or somebody else's.
    ///
    /// `expected`: the tags that the entry is known to carry before it is made.
    /// `good`: whether an entry is good enough for this request. One that is not becomes the base of the fill.
    #[allow(
        clippy::manual_async_fn,
        reason = "it would have room for the arguments twice, and every hit pays for the room"
    )]
    pub(crate) fn admit(
        self: &Arc<Self>,
        key: &EntryKey,
        expected: &[Tag],
        good: impl FnOnce(&Entry) -> bool,
    ) -> impl Future<Output = Admission> {
        async move {
            if Scope::fills(&self.flights, key) {
                // Who runs this has looked.
                Admission::Alone(AloneReason::Nested)
            } else {
                let mark = self.flights.mark(key);
                match self.look_for_one(key, expected).await {
                    Ok(hit) if good(&hit.entry) => Admission::Hit(hit),
                    // Boxed, so that a hit does not carry the room for it.
                    Ok(hit) => {
                        telemetry::stale();
                        Box::pin(self.join(key, expected, Start::Begin, mark, Some(hit))).await
                    }
                    Err(start) => Box::pin(self.join(key, expected, start, mark, None)).await,
                }
            }
        }
    }

    /// A request for `key` that nobody may wait for, and that waits for nobody: its answer may be its own. What is stored
    /// is for everybody.
    pub(crate) async fn admit_apart(
        self: &Arc<Self>,
        key: &EntryKey,
        expected: &[Tag],
        good: impl FnOnce(&Entry) -> bool,
    ) -> Admission {
        match self.look(key, expected).await {
            Ok(Some(hit)) if good(&hit.entry) => Admission::Hit(hit),
            Ok(_) => self.try_replace(key, expected).await,
            Err(_) => Admission::Alone(AloneReason::Foreign),
        }
    }

    /// The entry for a request that takes nothing else.
    pub(crate) async fn only_look(&self, key: &EntryKey, expected: &[Tag]) -> Option<Hit> {
        self.look_for_one(key, expected).await.ok()
    }

    /// The scope for a fill of `key`: see [`Scope`].
    pub(crate) fn scope(&self, key: EntryKey) -> Arc<Scope> {
        Scope::new(Arc::clone(&self.flights), key)
    }

    /// For a request that has found nothing. `mark` was taken before it looked.
    pub(super) async fn join(
        self: &Arc<Self>,
        key: &EntryKey,
        expected: &[Tag],
        start: Start,
        mark: u64,
        base: Option<Hit>,
    ) -> Admission {
        let (waiter, told) = oneshot::channel();
        let joined = self
            .flights
            .join(key, waiter, mark, &self.fills, Instant::now());
        let (start, patience, permit) = match (joined, start) {
            (Joined::Waits, _) => return self.wait(told).await,
            (Joined::Full, _) => return Admission::Alone(AloneReason::Full),
            (Joined::Alone, _) => return Admission::Alone(AloneReason::HitForMiss),
            (Joined::Solo { permit }, start) => (start, Patience::None, permit),
            (Joined::First { look: true, permit }, Start::Begin) => {
                (Start::Look, Patience::ForEntry, permit)
            }
            (Joined::First { permit, .. }, start) => (start, Patience::ForEntry, permit),
        };
        let place = Place::Shared(Arc::clone(&self.flights));
        let driver = self.driver(key, expected, place, patience, permit);
        tokio::spawn(driver.about(base).drive(start, RedisBudget::current()));
        self.wait(told).await
    }

    pub(super) fn driver(
        self: &Arc<Self>,
        key: &EntryKey,
        expected: &[Tag],
        place: Place,
        patience: Patience,
        permit: OwnedSemaphorePermit,
    ) -> Driver {
        let (engine, key) = (Arc::clone(self), key.clone());
        Driver::new(engine, key, expected.into(), place, patience, permit)
    }

    /// Looks for one request. What it brings, or how to go on without.
    async fn look_for_one(&self, key: &EntryKey, expected: &[Tag]) -> Result<Hit, Start> {
        match self.see(key, expected).await {
            Ok(Ok(hit)) => Ok(hit),
            Ok(Err(cause)) => {
                telemetry::missed(cause);
                Err(Start::Begin)
            }
            Err(error) => Err(Start::Away(Unstored::Redis(error))),
        }
    }

    /// What the store has for `key`, and this process may serve. Counts what it has not.
    pub(crate) async fn look(
        &self,
        key: &EntryKey,
        expected: &[Tag],
    ) -> Result<Option<Hit>, CommandError> {
        let seen = self.see(key, expected).await?;
        Ok(seen.inspect_err(|cause| telemetry::missed(*cause)).ok())
    }

    /// What the store has for `key`, and this process may serve; or why nothing.
    pub(super) async fn see(
        &self,
        key: &EntryKey,
        expected: &[Tag],
    ) -> Result<Result<Hit, MissCause>, CommandError> {
        let belief = self.believe()?;
        let found = self.store.lookup(key, expected).await?;
        self.still(&belief)?;
        Ok(match found {
            Lookup::Hit(found) if !belief.blocked.covers(&found.tags) => Ok(found.into()),
            Lookup::Hit(_) => Err(MissCause::Invalidated),
            Lookup::Miss(cause) => Err(cause),
        })
    }

    /// What has become of another process's fill. An entry that is not `wanted` is none.
    pub(super) async fn poll(
        &self,
        key: &EntryKey,
        expected: &[TagId],
        wanted: impl FnOnce(&Hit) -> bool,
    ) -> Result<Watched, CommandError> {
        let belief = self.believe()?;
        let polled = self.store.poll(key, expected).await?;
        self.still(&belief)?;
        let hit = match polled.found {
            Lookup::Hit(found) if belief.blocked.covers(&found.tags) => {
                return Ok(Watched::Blocked);
            }
            Lookup::Hit(found) => Some(Hit::from(found)),
            Lookup::Miss(_) => None,
        };
        Ok(match hit {
            Some(hit) if wanted(&hit) => Watched::Found(hit),
            _ if polled.held => Watched::Held,
            _ => Watched::Free,
        })
    }

    /// A fill of `key` whatever the store has for it; nobody joins it. Another fill's end is waited for.
    pub(crate) async fn replace(self: &Arc<Self>, key: &EntryKey, expected: &[Tag]) -> Admission {
        self.private(key, expected, Patience::ForLease).await
    }

    /// As [`replace`](Self::replace), but goes alone if there is another fill.
    pub(crate) async fn try_replace(
        self: &Arc<Self>,
        key: &EntryKey,
        expected: &[Tag],
    ) -> Admission {
        self.private(key, expected, Patience::None).await
    }

    async fn private(
        self: &Arc<Self>,
        key: &EntryKey,
        expected: &[Tag],
        patience: Patience,
    ) -> Admission {
        if Scope::fills(&self.flights, key) {
            return Admission::Alone(AloneReason::Nested);
        }
        let Ok(permit) = Arc::clone(&self.fills).try_acquire_owned() else {
            return Admission::Alone(AloneReason::Full);
        };
        let (waiter, told) = oneshot::channel();
        let place = Place::private(waiter);
        let driver = self.driver(key, expected, place, patience, permit);
        tokio::spawn(driver.drive(Start::Begin, RedisBudget::current()));
        self.wait(told).await
    }

    pub(super) async fn wait(&self, told: oneshot::Receiver<Admission>) -> Admission {
        match timeout(self.settings.wait_timeout, told).await {
            Ok(told) => told.unwrap_or(Admission::Alone(AloneReason::Abandoned)),
            Err(_) => Admission::Alone(AloneReason::WaitTimeout),
        }
    }

    /// Tells the store; what it does not acknowledge is retried, and blocked here meanwhile.
    pub(crate) async fn invalidate(&self, invalidation: Invalidation) -> Result<(), CommandError> {
        // What is not acknowledged concerns other processes, too: no request's haste counts against that.
        RedisBudget::suspend(pending::invalidate(self.retry(), invalidation)).await
    }

    /// What must be known before a command is sent whose answer is served.
    pub(super) fn believe(&self) -> Result<Belief, CommandError> {
        let connection = self
            .lives
            .connection(|| self.retry().pend(Invalidation::Flush))?;
        let blocked = self.pending.blocked();
        if blocked.is_some() && self.pending.is_forgotten() {
            self.retry().start();
        }
        Ok(Belief {
            connection,
            blocked,
        })
    }

    /// To be asked when the answer is there.
    pub(super) fn still(&self, belief: &Belief) -> Result<(), CommandError> {
        match self.lives.still(belief.connection) {
            true => Ok(()),
            false => Err(CommandError::Interrupted),
        }
    }

    fn retry(&self) -> Retry {
        Retry {
            pending: Arc::clone(&self.pending),
            store: self.store.clone(),
            manager: self.manager.clone(),
            hold: self.settings.hold,
        }
    }

    pub(crate) fn max_fills(&mut self, fills: usize) {
        self.fills = Arc::new(Semaphore::new(fills.min(Semaphore::MAX_PERMITS)));
    }

    /// For how long the oldest invalidation has not been acknowledged.
    pub(crate) fn pending_for(&self) -> Option<Duration> {
        self.pending.age()
    }

    /// How many invalidations have not been acknowledged.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }
}
