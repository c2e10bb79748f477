//! Values for handlers: cache-aside, with one load for all who ask.

use std::{future::Future, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};
use tower_keep_core::{RedisBudget, telemetry::target};

use super::{
    Cache, Freshness, LoadError,
    load::{self, detached},
};
use crate::{
    engine::{Admission, Fill, Outcome, Scope},
    key::EntryKey,
};

impl Cache {
    /// The value under `key`: from the cache, or from `loader`, which then runs once for everybody who asks for it at
    /// the same time, in all processes.
    ///
    /// The loader runs in a task of its own: a caller that goes away does not stop it, others may wait for it. It
    /// should read what is committed now, and not inside a transaction that began before: a `REPEATABLE READ`
    /// snapshot from before an invalidation would bring back what was invalidated. The tags of everything cached that
    /// it uses become tags of this value.
    ///
    /// Two loaders that ask for each other's keys wait for each other, until one of them has waited long enough and
    /// goes alone.
    ///
    /// `key` has its own name space, apart from the routes'; two calls with one key must agree on the type. With
    /// Redis away the loader runs, and nothing is stored.
    ///
    /// # Errors
    ///
    /// If the loader fails. Its error is shared with everybody who waited for the same value; it is not cached.
    ///
    /// # Panics
    ///
    /// If the loader panics, in the caller that it ran for. One of the others who waited runs its own loader then.
    pub async fn get_or_load<T, E, F, L>(
        &self,
        key: impl AsRef<str>,
        freshness: Freshness,
        loader: F,
    ) -> Result<T, LoadError<E>>
    where
        T: DeserializeOwned + Serialize + Send + 'static,
        E: Send + Sync + 'static,
        F: FnOnce() -> L + Send + 'static,
        L: Future<Output = Result<T, E>> + Send + 'static,
    {
        let key = load::key(key.as_ref(), freshness.schema);
        let admission = self.engine.admit(&key, &freshness.tags, |_| true).await;
        self.engine.owners.publish();
        self.engine.values.admitted(&admission);
        let fill = match admission {
            Admission::Hit(hit) | Admission::Copy(Outcome::Entry(hit)) => {
                match load::decode(&hit, freshness.schema) {
                    Some(value) => return Ok(value),
                    // Made for another type: worth replacing, not worth waiting.
                    None => self.engine.try_replace(&key, &freshness.tags).await,
                }
            }
            other => other,
        };
        match fill {
            Admission::Lead(fill) => self.lead(fill, key, freshness, loader).await,
            Admission::Copy(Outcome::Failed(copy)) => match copy.downcast() {
                Ok(error) => Err(LoadError::Load(error)),
                // The failure of a loader with another error type says nothing about ours.
                Err(_) => self.alone(key, freshness, loader).await,
            },
            Admission::Hit(_) | Admission::Copy(Outcome::Entry(_)) | Admission::Alone(_) => {
                self.alone(key, freshness, loader).await
            }
        }
    }

    async fn lead<T, E, F, L>(
        &self,
        fill: Fill,
        key: EntryKey,
        freshness: Freshness,
        loader: F,
    ) -> Result<T, LoadError<E>>
    where
        T: Serialize + Send + 'static,
        E: Send + Sync + 'static,
        F: FnOnce() -> L + Send + 'static,
        L: Future<Output = Result<T, E>> + Send + 'static,
    {
        let scope = self.engine.scope(key);
        let max_entry_bytes = self.engine.settings.max_entry_bytes;
        let load = async move {
            let value = match load::run(&fill, &scope, loader).await {
                Ok(Ok(value)) => value,
                Ok(Err(error)) => {
                    let error = Arc::new(error);
                    fill.fail(Arc::clone(&error) as _);
                    return Err(LoadError::Load(error));
                }
                Err(_) => return Err(LoadError::TimedOut),
            };
            let tags = load::tags(&freshness, &scope);
            match load::encode(&value, &freshness) {
                Ok(entry) if entry.body.len() <= max_entry_bytes => {
                    let stored = fill.store(entry, tags.clone(), freshness.ttl);
                    // Who has no time left for Redis need not hear how it went.
                    RedisBudget::charge(stored).await;
                }
                Ok(_) => fill.refuse(),
                Err(error) => {
                    tracing::warn!(target: target::CACHE, %error, "a value cannot be serialised and is not cached");
                    fill.refuse();
                }
            }
            Ok((value, tags))
        };
        let (value, tags) = detached(load).await.ok_or(LoadError::Stopped)??;
        Scope::report(&tags);
        Ok(value)
    }

    async fn alone<T, E, F, L>(
        &self,
        key: EntryKey,
        freshness: Freshness,
        loader: F,
    ) -> Result<T, LoadError<E>>
    where
        F: FnOnce() -> L,
        L: Future<Output = Result<T, E>>,
    {
        let scope = self.engine.scope(key);
        let value = scope
            .run(loader())
            .await
            .map_err(|error| LoadError::Load(Arc::new(error)))?;
        Scope::report(&load::tags(&freshness, &scope));
        Ok(value)
    }
}
