use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use metrics::counter;
use tokio::{
    runtime::Handle,
    time::{MissedTickBehavior, interval},
};
use tower_keep_core::telemetry::cache::{BYPASSES, REQUESTS, SERVED_BYTES};

use super::Owner;

/// No monitoring asks more often.
const PERIOD: Duration = Duration::from_secs(1);
/// Names come from the program's code, so that nobody reaches this; but a label must be bounded.
const MOST: usize = 1000;
/// Who owns what comes after that.
const OTHERS: &str = "others";

/// The owners of one cache's entries.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    owners: Mutex<BTreeMap<Arc<str>, Arc<Owner>>>,
    /// Whether a task publishes what they count.
    published: AtomicBool,
}

impl Owners {
    /// The owner with this name.
    pub(crate) fn owner(&self, name: &str) -> Arc<Owner> {
        let mut owners = self.lock();
        if let Some(owner) = owners.get(name) {
            return Arc::clone(owner);
        }
        let name = if owners.len() < MOST { name } else { OTHERS };
        let owner = owners
            .entry(name.into())
            .or_insert_with(|| Arc::new(Owner::new(name)));
        Arc::clone(owner)
    }

    /// Sees to it that what is counted from now on is published. One atomic load, but for the first time.
    pub(crate) fn publish(self: &Arc<Self>) {
        if !self.published.load(Ordering::Relaxed) {
            self.start();
        }
    }

    #[cold]
    fn start(self: &Arc<Self>) {
        // Outside of a runtime there is nobody who could do it yet.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if self.published.swap(true, Ordering::AcqRel) {
            return;
        }
        let weak = Arc::downgrade(self);
        let end = End(Arc::downgrade(self));
        runtime.spawn(async move {
            let _end = end;
            let mut ticks = interval(PERIOD);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let Some(owners) = weak.upgrade() else {
                    return;
                };
                owners.report();
            }
        });
    }

    fn report(&self) {
        let owners: Vec<_> = self.lock().values().cloned().collect();
        for owner in owners {
            let name = || Arc::clone(&owner.name);
            for (handled, count) in owner.take_handled() {
                counter!(REQUESTS, "owner" => name(), "result" => handled.name()).increment(count);
            }
            for (why, count) in owner.take_bypassed() {
                counter!(BYPASSES, "owner" => name(), "reason" => why.name()).increment(count);
            }
            let bytes = owner.take_served_bytes();
            if bytes > 0 {
                counter!(SERVED_BYTES, "owner" => name()).increment(bytes);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<Owner>>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A runtime that ends takes the task with it; in another one it can be started again.
struct End(std::sync::Weak<Owners>);

impl Drop for End {
    fn drop(&mut self) {
        if let Some(owners) = self.0.upgrade() {
            owners.published.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_only_so_many_owners() {
        let owners = Owners::default();
        let first = owners.owner("route 0");
        for number in 0..2 * MOST {
            owners.owner(&format!("route {number}"));
        }
        assert!(Arc::ptr_eq(&first, &owners.owner("route 0")));
        assert_eq!(&*owners.owner("one more").name, OTHERS);
        assert_eq!(owners.lock().len(), MOST + 1);
    }
}
