//! What a fill reads from the cache becomes part of what it depends on.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use super::flights::Flights;
use crate::{
    key::EntryKey,
    tag::{Tag, TagId},
};

tokio::task_local! {
    static SCOPE: Arc<Scope>;
}

/// The surroundings of a running handler or loader: it collects the tags of everything cached that is used
/// inside, because who invalidates one of them means this entry, too.
#[derive(Debug)]
pub(crate) struct Scope {
    /// Of the cache that the entry is made for: another one may have the same key, and an entry of its own.
    flights: Arc<Flights>,
    key: EntryKey,
    tags: Mutex<Vec<TagId>>,
    outer: Option<Arc<Self>>,
}

impl Scope {
    /// A scope for the fill of `key`, inside the current one.
    ///
    /// To be made where the request is, not in the task that runs the fill: task locals do not follow a spawn.
    pub(super) fn new(flights: Arc<Flights>, key: EntryKey) -> Arc<Self> {
        Arc::new(Self {
            flights,
            key,
            tags: Mutex::default(),
            outer: Self::current(),
        })
    }

    /// Runs a handler or loader inside this scope.
    pub(crate) fn run<F: Future>(
        self: &Arc<Self>,
        future: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        SCOPE.scope(Arc::clone(self), future)
    }

    /// Adds tags to the innermost scope of this task. Outside of any it does nothing.
    pub(crate) fn report(tags: &[TagId]) {
        if let Some(scope) = Self::current() {
            scope.collect(tags);
        }
    }

    /// As [`report`](Self::report), for tags that only a scope makes it worth while to hash.
    pub(crate) fn report_named(tags: &[Tag]) {
        if let Some(scope) = Self::current() {
            scope.collect(&tags.iter().map(Tag::id).collect::<Vec<_>>());
        }
    }

    /// Whether there is anybody to report to.
    pub(crate) fn is_open() -> bool {
        SCOPE.try_with(|_| ()).is_ok()
    }

    fn collect(&self, tags: &[TagId]) {
        let mut collected = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        for tag in tags {
            if !collected.contains(tag) {
                collected.push(*tag);
            }
        }
    }

    /// Hands on to the scope around this one what it has collected and `tags`: who made this entry part of another one
    /// made its tags part of it, too.
    pub(crate) fn report_outward(&self, tags: &[TagId]) {
        if let Some(outer) = &self.outer {
            outer.collect(tags);
            outer.collect(&self.tags());
        }
    }

    /// Whether this task runs inside a fill of `key` in the cache with these flights, which would wait for itself.
    pub(super) fn fills(flights: &Arc<Flights>, key: &EntryKey) -> bool {
        let mut scope = Self::current();
        while let Some(inner) = scope {
            if Arc::ptr_eq(&inner.flights, flights) && inner.key == *key {
                return true;
            }
            scope = inner.outer.clone();
        }
        false
    }

    /// What has been collected so far.
    pub(crate) fn tags(&self) -> Vec<TagId> {
        self.tags
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn current() -> Option<Arc<Self>> {
        SCOPE.try_with(Arc::clone).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> EntryKey {
        EntryKey::from_parts(&[name.as_bytes()])
    }

    #[tokio::test]
    async fn tags_are_collected_once_by_the_innermost_scope() {
        let [a, b] = [Tag::from("a").id(), Tag::from("b").id()];
        Scope::report(&[a]);
        let flights = Arc::new(Flights::new());
        let outer = Scope::new(Arc::clone(&flights), key("outer"));
        let inner = outer
            .run(async {
                Scope::report(&[a, a]);
                let inner = Scope::new(flights, key("inner"));
                inner.run(async { Scope::report(&[b]) }).await;
                inner
            })
            .await;
        assert_eq!(outer.tags(), [a]);
        assert_eq!(inner.tags(), [b]);
    }

    #[tokio::test]
    async fn a_fill_is_known_also_to_tasks_that_it_spawned_with_its_scope() {
        let (flights, others) = (Arc::new(Flights::new()), Arc::new(Flights::new()));
        let outer = Scope::new(Arc::clone(&flights), key("outer"));
        let inner = outer
            .run(async { Scope::new(Arc::clone(&flights), key("inner")) })
            .await;
        assert!(!Scope::fills(&flights, &key("outer")));
        let known = tokio::spawn(async move {
            inner
                .run(async {
                    [
                        (&flights, "outer"),
                        (&flights, "inner"),
                        (&flights, "other"),
                        (&others, "inner"),
                    ]
                    .map(|(flights, name)| Scope::fills(flights, &key(name)))
                })
                .await
        });
        assert_eq!(known.await.unwrap(), [true, true, false, false]);
    }
}
