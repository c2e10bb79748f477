use std::sync::{Arc, Mutex, PoisonError};

use super::{
    flight::Flight,
    flights::{Flights, Waiter, live},
};
use crate::key::EntryKey;

/// Where a driver finds those who wait.
#[derive(Debug)]
pub(super) enum Place {
    /// Every request for the key joins.
    Shared(Arc<Flights>),
    /// Nobody joins.
    Private(Mutex<Flight<Waiter>>),
}

impl Place {
    pub(super) fn private(waiter: Waiter) -> Self {
        let mut flight = Flight::new();
        flight.join(waiter, live);
        Self::Private(Mutex::new(flight))
    }

    pub(super) fn with<R>(&self, key: &EntryKey, act: impl FnOnce(&mut Flight<Waiter>) -> R) -> R {
        match self {
            Self::Shared(flights) => flights.with(key, act),
            Self::Private(flight) => {
                act(&mut flight.lock().unwrap_or_else(PoisonError::into_inner))
            }
        }
    }

    /// The run has ended. True if somebody is left to form the next flight.
    pub(super) fn next(&self, key: &EntryKey) -> bool {
        match self {
            Self::Shared(flights) => flights.next(key),
            Self::Private(flight) => flight
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .next(live),
        }
    }
}
