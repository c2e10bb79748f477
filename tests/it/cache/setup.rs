//! What these tests have in common: caches, loaders that count, rows.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::sleep;
use tower_keep_cache::{Cache, Freshness};
use tower_keep_core::{Namespace, connection::ConnectionManager};

/// A deadline, never a pause.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// As a query of the URL: on a busy machine a slow test must not be taken for a Redis that hangs.
pub(super) const PATIENT: &str = "?command_timeout=2s&stall_age=1s";

pub(super) async fn cache(url: &str, namespace: &str) -> Cache {
    let manager = ConnectionManager::open(&format!("{url}{PATIENT}")).unwrap();
    manager.connected(SOON).await.unwrap();
    Cache::new(manager)
        .namespace(&Namespace::new(namespace).unwrap())
        .wait_timeout(SOON)
}

/// A cache on the Redis that all tests share.
pub(super) async fn shared() -> Cache {
    let redis = testkit::redis().await;
    cache(redis.url(), redis.namespace()).await
}

pub(super) fn tagged(tag: &str) -> Freshness {
    Freshness::ttl(Duration::from_secs(60)).tags([tag])
}

/// How often loaders have run, and how many at the same time.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicUsize,
    running: AtomicUsize,
    peak: AtomicUsize,
}

impl Runs {
    pub(super) fn count(&self) -> usize {
        self.0.begun.load(Ordering::SeqCst)
    }

    pub(super) fn peak(&self) -> usize {
        self.0.peak.load(Ordering::SeqCst)
    }

    /// A loader that takes so long and then comes to this.
    pub(super) fn load<T: Send + 'static>(
        &self,
        takes: Duration,
        then: impl FnOnce(usize) -> T + Send + 'static,
    ) -> impl FnOnce() -> std::pin::Pin<Box<dyn Future<Output = T> + Send>> + Send + 'static {
        let runs = self.clone();
        move || {
            Box::pin(async move {
                let run = runs.0.begun.fetch_add(1, Ordering::SeqCst) + 1;
                let running = runs.0.running.fetch_add(1, Ordering::SeqCst) + 1;
                runs.0.peak.fetch_max(running, Ordering::SeqCst);
                sleep(takes).await;
                runs.0.running.fetch_sub(1, Ordering::SeqCst);
                then(run)
            })
        }
    }
}

/// A row of the database: only its version matters.
#[derive(Clone, Debug, Default)]
pub(super) struct Row(Arc<AtomicU64>);

impl Row {
    pub(super) fn read(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    pub(super) fn write(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}
