//! The handle.

mod error;
mod freshness;
mod load;
mod put;
mod value;

use std::{sync::Arc, time::Duration};

use tower_keep_core::{
    Namespace,
    connection::{Backend, ConnectionManager, Health, Profile},
};

pub use self::{
    error::{InvalidateError, LoadError, PutError},
    freshness::Freshness,
};
use crate::{
    engine::{Engine, Invalidation, Scope, Settings},
    store::{MemoryStores, RedisStore, Store},
    tag::{Tag, TagId},
};

/// The cache of an application: made once, cheap to clone, shared by its routes and handlers.
///
/// Handlers ask it for values with [`get_or_load`](Self::get_or_load). Whoever has changed something tells it with
/// [`invalidate`](Self::invalidate), after the commit: no read that begins after that has returned gets a value from
/// before, in any process.
///
/// Redis being away is no reason for a read to fail: values are then loaded, still once for all who ask at the same
/// time, and not stored.
///
/// ```
/// use std::{convert::Infallible, time::Duration};
/// use tower_keep_cache::{Cache, Freshness};
/// use tower_keep_core::connection::ConnectionManager;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cache = Cache::new(ConnectionManager::open("memory:")?);
///
/// let freshness = Freshness::ttl(Duration::from_secs(60)).tags(["product:7"]);
/// let price = cache.get_or_load("price:7", freshness, || async { Ok::<u32, Infallible>(995) }).await?;
/// assert_eq!(price, 995);
///
/// cache.invalidate(["product:7"]).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Cache {
    pub(crate) engine: Arc<Engine>,
    manager: ConnectionManager,
}

impl Cache {
    /// A cache on this manager's Redis, or in this process with `memory:`.
    ///
    /// The manager's deadline for it is 50 ms unless its URL says otherwise: a page that waits longer for its cache
    /// had better be made.
    #[must_use]
    pub fn new(manager: ConnectionManager) -> Self {
        let engine = Arc::new(engine(&manager, &Namespace::default()));
        Self { engine, manager }
    }

    /// What the keys begin with. Defaults to `keep`.
    ///
    /// Caches with the same namespace on the same Redis are one cache. The result shares nothing with clones made
    /// before.
    #[must_use]
    pub fn namespace(mut self, namespace: &Namespace) -> Self {
        let mut engine = engine(&self.manager, namespace);
        engine.settings = self.engine.settings.clone();
        self.engine = Arc::new(engine);
        self
    }

    /// Larger bodies and values are served and not stored. Defaults to 1 MiB: Redis is busy with a value for as long
    /// as it takes to copy it, and all others wait for that time.
    #[must_use]
    pub fn max_entry_bytes(mut self, bytes: usize) -> Self {
        self.settings().max_entry_bytes = bytes;
        self
    }

    /// How long a request waits for another one's fill of the same key; then it goes alone. Defaults to 5 s, as
    /// [nginx](https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_cache_lock_timeout) has it: longer than
    /// a healthy handler takes, and shorter than a client waits.
    #[must_use]
    pub fn wait_timeout(mut self, timeout: Duration) -> Self {
        self.settings().wait_timeout = timeout;
        self
    }

    /// How long a fill may take. A fill does not end with the client that caused it, so it must end by itself.
    /// Defaults to 60 s, the usual timeout of gateways: what takes longer has no client any more.
    #[must_use]
    pub fn fill_timeout(mut self, timeout: Duration) -> Self {
        // An instant further away may not exist.
        self.settings().fill_timeout = timeout.min(Store::FOR_EVER);
        self
    }

    /// How many fills may be on their way at the same time in this process; who comes beyond runs without storing
    /// and without being waited for. Defaults to 1024: far more than a database has connections for, and little
    /// enough memory.
    #[must_use]
    pub fn max_fills(mut self, fills: usize) -> Self {
        Arc::make_mut(&mut self.engine).max_fills(fills);
        self
    }

    /// For how long after an invalidation nothing is stored under its tags. Defaults to zero.
    ///
    /// For readers of a database replica: what lags behind by less than this cannot bring an old value back. Must
    /// cover the largest lag, and the largest difference between the clocks of Redis' servers.
    #[must_use]
    pub fn hold(mut self, hold: Duration) -> Self {
        self.settings().hold = hold;
        self
    }

    /// Makes every entry that carries one of these tags unusable, here and in every other process.
    ///
    /// To be called after the commit: a read that begins once this has returned gets nothing from before it.
    /// Dropping the future does not take the invalidation back; it goes on in the background.
    ///
    /// # Errors
    ///
    /// If Redis does not acknowledge it. It is retried until Redis does, and this process serves and stores nothing
    /// that it concerns meanwhile.
    pub async fn invalidate<I>(&self, tags: I) -> Result<(), InvalidateError>
    where
        I: IntoIterator,
        I::Item: Into<Tag>,
    {
        let tags: Arc<[TagId]> = tags.into_iter().map(|tag| tag.into().id()).collect();
        if tags.is_empty() {
            return Ok(());
        }
        let invalidation = Invalidation::Tags(tags);
        self.engine
            .invalidate(invalidation)
            .await
            .map_err(InvalidateError::Pending)
    }

    /// Makes every entry of the namespace unusable, at once; Redis frees the memory as the entries expire.
    ///
    /// # Errors
    ///
    /// As [`invalidate`](Self::invalidate).
    pub async fn flush(&self) -> Result<(), InvalidateError> {
        self.engine
            .invalidate(Invalidation::Flush)
            .await
            .map_err(InvalidateError::Pending)
    }

    /// Adds a tag to what is being made: the response of the handler, or the value of the loader, that this is
    /// called in.
    ///
    /// For what is only known after the query: which rows the answer is made from. Outside of both it does nothing.
    pub fn tag(tag: impl Into<Tag>) {
        Scope::report(&[tag.into().id()]);
    }

    /// The health of the connection, for readiness endpoints. A cache that is down slows the application, and does
    /// not stop it.
    #[must_use]
    pub fn health(&self) -> Health {
        self.manager.health()
    }

    /// How many invalidations Redis has not acknowledged yet. More than none for long is worth an alarm: other
    /// processes may serve what they concern.
    #[must_use]
    pub fn pending_invalidations(&self) -> usize {
        self.engine.pending()
    }

    /// For how long Redis has not acknowledged the oldest of them; `None` if none is pending.
    #[must_use]
    pub fn oldest_pending_invalidation(&self) -> Option<Duration> {
        self.engine.pending_for()
    }

    /// Clones made before keep their settings, and still share all else.
    fn settings(&mut self) -> &mut Settings {
        &mut Arc::make_mut(&mut self.engine).settings
    }
}

fn engine(manager: &ConnectionManager, namespace: &Namespace) -> Engine {
    match manager.attach(&Profile::CACHE) {
        Backend::Redis(redis) => {
            let store = Store::Redis(RedisStore::new(redis.clone(), namespace));
            Engine::new(store, manager.clone(), Some(redis))
        }
        Backend::Memory(memory) => {
            let store = memory.store::<MemoryStores>().namespace(namespace.as_str());
            Engine::new(Store::Memory(store), manager.clone(), None)
        }
    }
}
