use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{task::JoinHandle, time::sleep};
use tower_keep_core::connection::ConnectionManager;

use super::super::{
    Admission, AloneReason, Engine, Fill, FillOutcome, Invalidation, Outcome, Settings,
};
use crate::{
    entry::Entry,
    key::EntryKey,
    store::{MemoryStore, Store},
    tag::Tag,
};

pub(super) const TTL: Duration = Duration::from_secs(60);
pub(super) const HANDLER: Duration = Duration::from_millis(200);

/// What a handler answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Storable,
    Private,
    Failure,
}

/// How a request got its answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    Hit,
    Led,
    Copied,
    Failed,
    Alone(AloneReason),
}

/// An engine with a handler that takes 200 ms and counts its runs; the body is the number of the run.
#[derive(Clone)]
pub(super) struct Rig {
    pub(super) engine: Arc<Engine>,
    pub(super) runs: Arc<AtomicUsize>,
    pub(super) answer: Answer,
}

impl Rig {
    pub(super) fn new(answer: Answer) -> Self {
        Self::with(answer, Settings::default())
    }

    pub(super) fn with(answer: Answer, settings: Settings) -> Self {
        let store = Store::Memory(Arc::new(MemoryStore::default()));
        Self {
            engine: engine(store, settings),
            runs: Arc::default(),
            answer,
        }
    }

    /// The same store behind another engine, as another process would have it.
    pub(super) fn neighbour(&self) -> Self {
        let engine = engine(self.engine.store.clone(), self.engine.settings.clone());
        Self {
            engine,
            ..self.clone()
        }
    }

    pub(super) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    pub(super) async fn admit(&self) -> Admission {
        self.engine
            .admit(&key(), &[tag()], |entry| entry.is_fresh(Entry::now()))
            .await
    }

    /// A request from end to end. A fill is detached, as the layer does it.
    pub(super) async fn request(&self) -> (Way, usize) {
        match self.admit().await {
            Admission::Hit(hit) => (Way::Hit, read(&hit.entry)),
            Admission::Copy(Outcome::Entry(hit)) => (Way::Copied, read(&hit.entry)),
            Admission::Copy(Outcome::Failed(copy)) => {
                (Way::Failed, *copy.downcast::<usize>().unwrap())
            }
            Admission::Lead(fill) => {
                let rig = self.clone();
                (
                    Way::Led,
                    tokio::spawn(async move { rig.run(fill).await.0 })
                        .await
                        .unwrap(),
                )
            }
            Admission::Alone(reason) => (Way::Alone(reason), self.handler().await),
        }
    }

    pub(super) fn spawn(&self) -> JoinHandle<(Way, usize)> {
        let rig = self.clone();
        tokio::spawn(async move { rig.request().await })
    }

    pub(super) async fn wave(&self, count: usize) -> Vec<(Way, usize)> {
        let requests: Vec<_> = (0..count).map(|_| self.spawn()).collect();
        let mut ways = Vec::new();
        for request in requests {
            ways.push(request.await.unwrap());
        }
        ways
    }

    pub(super) async fn run(&self, fill: Fill) -> (usize, Option<FillOutcome>) {
        let run = self.handler().await;
        (
            run,
            match self.answer {
                Answer::Storable => Some(fill.store(entry(run), Vec::new(), TTL).await),
                Answer::Private => {
                    fill.refuse();
                    None
                }
                Answer::Failure => {
                    fill.fail(Arc::new(run));
                    None
                }
            },
        )
    }

    async fn handler(&self) -> usize {
        let run = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
        sleep(HANDLER).await;
        run
    }

    pub(super) async fn invalidate(&self) {
        self.engine
            .invalidate(Invalidation::Tags([tag().id()].into()))
            .await
            .unwrap();
    }
}

pub(super) fn key() -> EntryKey {
    EntryKey::from_parts(&[b"key"])
}

pub(super) fn tag() -> Tag {
    Tag::from("tag")
}

pub(super) fn entry(run: usize) -> Entry {
    Entry::value(0, 0, Bytes::from(run.to_string()), Entry::now(), TTL)
}

fn read(entry: &Entry) -> usize {
    std::str::from_utf8(&entry.body).unwrap().parse().unwrap()
}

pub(super) fn count(ways: &[(Way, usize)], way: Way) -> usize {
    ways.iter().filter(|(each, _)| *each == way).count()
}

fn engine(store: Store, settings: Settings) -> Arc<Engine> {
    let manager = ConnectionManager::open("memory:").unwrap();
    let mut engine = Engine::new(store, manager, None);
    engine.settings = settings;
    Arc::new(engine)
}
