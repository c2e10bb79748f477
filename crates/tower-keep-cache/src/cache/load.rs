//! What `get_or_load` and `put` share: how a value is loaded, and how it is kept.

use std::{future::Future, panic::resume_unwind, sync::Arc};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::{error::Elapsed, timeout_at};
use tower_keep_core::{RedisBudget, telemetry::target};
use tracing::Instrument;

use super::Freshness;
use crate::{
    engine::{Fill, Hit, Scope},
    entry::{Entry, Kind},
    key::EntryKey,
    tag::{Tag, TagId},
};

/// How values are serialised: JSON, because an old value can then be read after a field was added with a default.
const JSON: u8 = 1;

/// Apart from the routes' keys, and from those of other versions of the type: two versions of an application that
/// run side by side would else replace each other's values all the time.
pub(super) fn key(key: &str, schema: u32) -> EntryKey {
    EntryKey::from_parts(&[b"value", &schema.to_le_bytes(), key.as_bytes()])
}

/// The value, if it is one of this type. Its tags become tags of what is being made here.
pub(super) fn decode<T: DeserializeOwned>(hit: &Hit, schema: u32) -> Option<T> {
    let ours = Kind::Value {
        format: JSON,
        schema,
    };
    if hit.entry.kind != ours {
        return None;
    }
    match serde_json::from_slice(&hit.entry.body) {
        Ok(value) => {
            Scope::report(&hit.tags);
            Some(value)
        }
        Err(error) => {
            tracing::warn!(
                target: target::CACHE,
                %error,
                "a cached value is not of the expected type and is loaded again: raise the schema when the type changes"
            );
            None
        }
    }
}

pub(super) fn encode<T: Serialize>(
    value: &T,
    freshness: &Freshness,
) -> Result<Entry, serde_json::Error> {
    let body = Bytes::from(serde_json::to_vec(value)?);
    Ok(Entry::value(
        JSON,
        freshness.schema,
        body,
        Entry::now(),
        freshness.ttl,
    ))
}

/// Those known before, and those of everything that the loader has used.
pub(super) fn tags(freshness: &Freshness, scope: &Scope) -> Vec<TagId> {
    let mut tags: Vec<TagId> = freshness.tags.iter().map(Tag::id).collect();
    tags.extend(scope.tags());
    tags
}

/// Runs the loader for a fill, for as long as the fill may take.
pub(super) async fn run<F, L>(
    fill: &Fill,
    scope: &Arc<Scope>,
    loader: F,
) -> Result<L::Output, Elapsed>
where
    F: FnOnce() -> L,
    L: Future,
{
    let loaded = scope.run(async move { loader().await });
    timeout_at(fill.deadline(), loaded).await
}

/// Runs a load whether or not the caller stays. `None`: the runtime has stopped.
///
/// # Panics
///
/// If the load does.
pub(super) async fn detached<F>(load: F) -> Option<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    match tokio::spawn(RedisBudget::carry(load).in_current_span()).await {
        Ok(output) => Some(output),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => None,
        },
    }
}
