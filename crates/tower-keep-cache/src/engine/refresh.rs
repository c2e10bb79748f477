use std::{future::Future, sync::Arc, time::Duration};

use tokio::{sync::oneshot, time::Instant};

use super::{
    admission::{Admission, AloneReason, Engine, Hit},
    driver::{Patience, Start},
    place::Place,
    scope::Scope,
};
use crate::{key::EntryKey, tag::Tag};

/// For so long nobody here asks again for a lease that another process has: about as long as a handler takes. At each
/// request it would be a second command to Redis.
const ELSEWHERE: Duration = Duration::from_millis(250);

impl Engine {
    /// A fill of a key whose entry, `base`, is served meanwhile. `None`: somebody is at it already, or has just failed.
    ///
    /// Nothing is waited for here, and requests that find no entry that is good enough for them join it. In the fleet,
    /// too, one process does it: the others are [`Foreign`](AloneReason::Foreign).
    pub(crate) fn refresh(
        self: &Arc<Self>,
        key: &EntryKey,
        expected: &[Tag],
        base: Hit,
    ) -> Option<impl Future<Output = Admission> + use<>> {
        if Scope::fills(&self.flights, key) || self.is_backing_off(key) {
            return None;
        }
        let (waiter, told) = oneshot::channel();
        let permit = self.flights.open(key, waiter, &self.fills)?;
        let place = Place::Shared(Arc::clone(&self.flights));
        let driver = self.driver(key, expected, place, Patience::None, permit);
        // No request's budget: nobody waits.
        tokio::spawn(driver.about(Some(base)).drive(Start::Begin, None));
        let (engine, key) = (Arc::clone(self), key.clone());
        Some(async move {
            let admission = engine.wait(told).await;
            if matches!(admission, Admission::Alone(AloneReason::Foreign)) {
                engine.backoff.pause(&key, Instant::now(), ELSEWHERE);
            }
            admission
        })
    }

    /// Whether the key's handler has just failed, so that an entry that is stale had better be served at once.
    pub(crate) fn is_failing(&self, key: &EntryKey) -> bool {
        self.backoff.is_failing(key, Instant::now())
    }

    /// Whether the key's handler is spared what nobody waits for.
    pub(super) fn is_backing_off(&self, key: &EntryKey) -> bool {
        self.backoff.is_backing_off(key, Instant::now())
    }
}
