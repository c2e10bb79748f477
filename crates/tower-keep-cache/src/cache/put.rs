//! Write-through.

use std::future::Future;

use serde::Serialize;
use tower_keep_core::{RedisBudget, connection::CommandError};

use super::{
    Cache, Freshness, PutError,
    load::{self, detached},
};
use crate::{
    engine::{Admission, AloneReason, FillOutcome, Scope, Unstored},
    store::RefusedCause,
};

impl Cache {
    /// Loads the value under `key` anew and replaces what is cached, so that the next reader finds it.
    ///
    /// To be called after the commit, and after [`invalidate`](Self::invalidate), which alone reaches whatever else
    /// depends on the change. It takes a loader and not a value, because a value that was read before the fill began
    /// may be older than an invalidation that was acknowledged in between, and would bring the old state back until
    /// it expires. So the loader must read what it returns, and not hand on what the caller has in hand.
    ///
    /// A fill of the same key that is on its way is waited for; it may have read before the commit.
    ///
    /// # Errors
    ///
    /// If the loader fails, or if the value could not be stored. What was cached before may then still be served,
    /// unless it was invalidated.
    ///
    /// # Panics
    ///
    /// If the loader panics.
    pub async fn put<T, E, F, L>(
        &self,
        key: impl AsRef<str>,
        freshness: Freshness,
        loader: F,
    ) -> Result<T, PutError<E>>
    where
        T: Serialize + Send + 'static,
        E: Send + 'static,
        F: FnOnce() -> L + Send + 'static,
        L: Future<Output = Result<T, E>> + Send + 'static,
    {
        let key = load::key(key.as_ref(), freshness.schema);
        let fill = match self.engine.replace(&key, &freshness.tags).await {
            Admission::Lead(fill) => fill,
            Admission::Alone(AloneReason::Abandoned) => return Err(PutError::Stopped),
            Admission::Alone(_) | Admission::Hit(_) | Admission::Copy(_) => {
                return Err(PutError::Busy);
            }
        };
        if let Some(unstored) = fill.unstored() {
            return Err(not_stored(unstored.clone()));
        }
        let scope = self.engine.scope(key);
        let max_entry_bytes = self.engine.settings.max_entry_bytes;
        let load = async move {
            let loaded = load::run(&fill, &scope, loader)
                .await
                .map_err(|_| PutError::TimedOut)?;
            let value = loaded.map_err(PutError::Load)?;
            let tags = load::tags(&freshness, &scope);
            let entry = load::encode(&value, &freshness)
                .map_err(|error| PutError::Serialize(error.into()))?;
            let bytes = entry.body.len();
            if bytes > max_entry_bytes {
                return Err(PutError::TooLarge { bytes });
            }
            let stored = fill.store(entry, tags.clone(), freshness.ttl);
            let Some(stored) = RedisBudget::charge(stored).await else {
                return Err(PutError::Redis(CommandError::BudgetSpent));
            };
            match stored {
                // Overtaken by an invalidation: nothing older than the value is served either.
                FillOutcome::Stored | FillOutcome::Refused(RefusedCause::Invalidated) => {
                    Ok((value, tags))
                }
                FillOutcome::Refused(RefusedCause::TooManyTags) => Err(PutError::TooManyTags),
                FillOutcome::Refused(_) => Err(PutError::Busy),
                FillOutcome::Unstored(unstored) => Err(not_stored(unstored)),
            }
        };
        let (value, tags) = detached(load).await.ok_or(PutError::Stopped)??;
        Scope::report(&tags);
        Ok(value)
    }
}

fn not_stored<E>(unstored: Unstored) -> PutError<E> {
    match unstored {
        Unstored::Redis(error) => PutError::Redis(error),
        Unstored::Held | Unstored::Pending => PutError::Invalidated,
        Unstored::Abandoned => PutError::TimedOut,
    }
}
