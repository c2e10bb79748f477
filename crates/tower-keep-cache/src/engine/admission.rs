//! The way of a request through the engine.

use std::{any::Any, sync::Arc};

use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, timeout},
};
use tower_keep_core::RedisBudget;

use super::{
    driver::{Driver, Patience, Place, Start},
    fill::{Fill, Unstored},
    flights::{Flights, Joined},
    pending::{self, Invalidation, Pending},
    scope::Scope,
    settings::Settings,
};
use crate::{
    entry::Entry,
    key::EntryKey,
    store::{CommandError, Lookup, Store},
    tag::{Tag, TagId},
};

/// So many flights, and detached fills with them, at once. More than a database has connections for by far, and
/// what they hold in memory stays bounded; who comes beyond runs in its own request, as without a cache.
const FILLS: usize = 1024;

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

/// What all requests of one cache share.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub(super) store: Store,
    pub(super) flights: Arc<Flights>,
    pub(super) pending: Arc<Pending>,
    pub(crate) settings: Settings,
    fills: Arc<Semaphore>,
}

impl Engine {
    pub(crate) fn new(store: Store, settings: Settings) -> Self {
        Self {
            store,
            flights: Arc::new(Flights::new()),
            pending: Arc::default(),
            settings,
            fills: Arc::new(Semaphore::new(FILLS)),
        }
    }

    /// A request for `key`: an entry, or the duty to make it, or somebody else's.
    ///
    /// `expected`: the tags that the entry is known to carry before it is made.
    /// `budget`: what the request may still spend on waiting for Redis; spent, it is as if Redis were away.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        key: &EntryKey,
        expected: &[Tag],
        budget: Option<&RedisBudget>,
    ) -> Admission {
        let mark = self.flights.mark(key);
        let start = match self.look_within(key, expected, budget).await {
            Ok(hit) => return Admission::Hit(hit),
            Err(start) => start,
        };
        if Scope::fills(key) {
            return Admission::Alone(AloneReason::Nested);
        }
        let (waiter, told) = oneshot::channel();
        let (start, patience, permit) =
            match self
                .flights
                .join(key, waiter, mark, &self.fills, Instant::now())
            {
                Joined::Waits => return self.wait(told).await,
                Joined::Full => return Admission::Alone(AloneReason::Full),
                Joined::Alone => return Admission::Alone(AloneReason::HitForMiss),
                Joined::Solo { permit } => (start, Patience::None, permit),
                Joined::First { look: true, permit } => (Start::Look, Patience::ForEntry, permit),
                Joined::First {
                    look: false,
                    permit,
                } => (start, Patience::ForEntry, permit),
            };
        let place = Place::Shared(Arc::clone(&self.flights));
        let driver = Driver::new(
            Arc::clone(self),
            key.clone(),
            expected.into(),
            place,
            patience,
            permit,
        );
        tokio::spawn(driver.drive(start));
        self.wait(told).await
    }

    /// Looks for a request that may spend only so much time on it. What it brings, or how to go on without.
    async fn look_within(
        &self,
        key: &EntryKey,
        expected: &[Tag],
        budget: Option<&RedisBudget>,
    ) -> Result<Hit, Start> {
        if budget.is_some_and(RedisBudget::is_spent) {
            return Err(Start::Away(Unstored::Budget));
        }
        let asked = budget.map(|budget| (budget, Instant::now()));
        let looked = self.look(key, expected).await;
        if let Some((budget, asked)) = asked {
            budget.spend(asked.elapsed());
        }
        match looked {
            Ok(Some(hit)) => Ok(hit),
            Ok(None) => Err(Start::Begin),
            Err(error) => Err(Start::Away(Unstored::Redis(error))),
        }
    }

    /// What the store has for `key`, and this process may serve.
    pub(crate) async fn look(
        &self,
        key: &EntryKey,
        expected: &[Tag],
    ) -> Result<Option<Hit>, CommandError> {
        let blocked = self.pending.blocked();
        Ok(match self.store.lookup(key, expected).await? {
            Lookup::Hit { entry, tags } if !blocked.covers(&tags) => Some(Hit { entry, tags }),
            _ => None,
        })
    }

    /// A fill of `key` whatever the store has for it; nobody joins it. Another fill's end is waited for.
    pub(crate) async fn replace(self: &Arc<Self>, key: EntryKey, expected: &[Tag]) -> Admission {
        self.private(key, expected, Patience::ForLease).await
    }

    /// As [`replace`](Self::replace), but goes alone if there is another fill.
    pub(crate) async fn try_replace(
        self: &Arc<Self>,
        key: EntryKey,
        expected: &[Tag],
    ) -> Admission {
        self.private(key, expected, Patience::None).await
    }

    async fn private(
        self: &Arc<Self>,
        key: EntryKey,
        expected: &[Tag],
        patience: Patience,
    ) -> Admission {
        if Scope::fills(&key) {
            return Admission::Alone(AloneReason::Nested);
        }
        let Ok(permit) = Arc::clone(&self.fills).try_acquire_owned() else {
            return Admission::Alone(AloneReason::Full);
        };
        let (waiter, told) = oneshot::channel();
        let driver = Driver::new(
            Arc::clone(self),
            key,
            expected.into(),
            Place::private(waiter),
            patience,
            permit,
        );
        tokio::spawn(driver.drive(Start::Begin));
        self.wait(told).await
    }

    async fn wait(&self, told: oneshot::Receiver<Admission>) -> Admission {
        match timeout(self.settings.wait_timeout, told).await {
            Ok(told) => told.unwrap_or(Admission::Alone(AloneReason::Abandoned)),
            Err(_) => Admission::Alone(AloneReason::WaitTimeout),
        }
    }

    /// Tells the store; what it does not acknowledge is retried, and blocked here meanwhile.
    pub(crate) async fn invalidate(&self, invalidation: Invalidation) -> Result<(), CommandError> {
        pending::invalidate(&self.pending, &self.store, self.settings.hold, invalidation).await
    }

    /// How many invalidations have not been acknowledged.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }
}
