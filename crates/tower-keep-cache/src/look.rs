//! Where the answer to a request is: under its page's key, or that of a variant.

use std::{future::Future, sync::Arc};

use http::HeaderMap;

use crate::{
    engine::{Admission, AloneReason, Engine, Hit, Outcome},
    entry::Entry,
    fill::Failure,
    key::EntryKey,
    policy::Serving,
    route::{Question, Route},
    tag::Tag,
    wanted::Wanted,
};

/// So often a request looks elsewhere: once where its page says that it has variants, and again where these have changed.
const ROUNDS: usize = 3;

/// What came of looking.
#[derive(Debug)]
pub(crate) struct Looked {
    /// `None`: the request takes only what is stored, and nothing is.
    pub(crate) admission: Option<Admission>,
    /// Under which key, if not the page's.
    pub(crate) key: Option<EntryKey>,
    /// There is something that may be served if the handler fails.
    pub(crate) fallback: bool,
}

/// What is in this process, and answers the request.
pub(crate) fn look_at_hand(
    engine: &Engine,
    route: &Route,
    question: &Question,
    headers: &HeaderMap,
) -> Option<Hit> {
    let hit = match route.variants.key(&question.key, headers) {
        None => engine.at_hand(&question.key)?,
        Some(key) => engine.at_hand(&key)?,
    };
    let Some(key) = route.elsewhere(question, &hit.entry, headers) else {
        return Some(hit);
    };
    let hit = engine.at_hand(&key)?;
    match route.elsewhere(question, &hit.entry, headers) {
        None => Some(hit),
        Some(_) => None,
    }
}

/// Asks the engine, under one key after the other, until what comes is for this request.
#[allow(
    clippy::manual_async_fn,
    reason = "it would have room for the arguments twice, and every hit pays for the room"
)]
pub(crate) fn look(
    engine: &Arc<Engine>,
    route: &Route,
    question: &Question,
    headers: &HeaderMap,
    wanted: &Wanted,
    tags: &[Tag],
) -> impl Future<Output = Looked> {
    async move {
        let mut fallback = false;
        let mut key = route.variants.key(&question.key, headers);
        for _ in 0..ROUNDS {
            let asked = key.as_ref().unwrap_or(&question.key);
            let mut good = |entry: &Entry| {
                if route.elsewhere(question, entry, headers).is_some() {
                    return true;
                }
                match wanted.serving(entry, entry.age(Entry::now())) {
                    Serving::Fresh | Serving::StaleWhileRevalidate => true,
                    Serving::StaleIfError => {
                        fallback = true;
                        engine.is_failing(asked)
                    }
                    Serving::MustRevalidate => false,
                }
            };
            let admission = if question.directives.only_if_cached {
                let found = engine.only_look(asked, tags).await;
                found.filter(|hit| good(&hit.entry)).map(Admission::Hit)
            } else if question.authorized {
                Some(Box::pin(engine.admit_apart(asked, tags, good)).await)
            } else {
                Some(engine.admit(asked, tags, good).await)
            };
            let other = admission
                .as_ref()
                .and_then(answer)
                .and_then(|entry| route.elsewhere(question, entry, headers));
            match other {
                None => {
                    return Looked {
                        admission,
                        key,
                        fallback,
                    };
                }
                Some(other) => key = Some(other),
            }
        }
        Looked {
            admission: Some(Admission::Alone(AloneReason::NotStorable)),
            key,
            fallback: false,
        }
    }
}

/// What somebody would be answered with.
fn answer(admission: &Admission) -> Option<&Entry> {
    match admission {
        Admission::Hit(hit) | Admission::Copy(Outcome::Entry(hit)) => Some(&hit.entry),
        Admission::Copy(Outcome::Failed(failure)) => match failure.downcast_ref() {
            Some(Failure::Answer(entry)) => Some(entry),
            Some(Failure::BrokenOff | Failure::NoAnswer) | None => None,
        },
        Admission::Lead(_) | Admission::Alone(_) => None,
    }
}

impl Route {
    /// Where to look for the answer to a request that `entry` is not.
    fn elsewhere(
        &self,
        question: &Question,
        entry: &Entry,
        headers: &HeaderMap,
    ) -> Option<EntryKey> {
        self.variants
            .elsewhere(&question.key, entry, &self.key_headers, headers)
    }
}
