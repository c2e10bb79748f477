use std::{
    pin::{Pin, pin},
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{
    Extensions, HeaderMap, Request, Response, StatusCode, header::SET_COOKIE, response::Parts,
};
use http_body::{Body as HttpBody, SizeHint};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};
use tower_keep_core::{
    Body, Rejected, SessionTouched,
    body::{Sender, channel},
    telemetry::target,
};
use tower_service::Service;

use super::{
    Failure,
    capture::{Capture, Captured},
    pump::{End, Pump},
};
use crate::{
    Tags,
    engine::{Brought, Fill, Scope, Unstored},
    entry::{Entry, Kind},
    key::EntryKey,
    policy::{
        Answer, Detail, Forward, Forwarded, Handling, Keep, Lifetime, Resource, Rules, VariantId,
        Vary, Verdict, groups, judge, life, stored_headers,
    },
    route::Route,
    store::Elsewhere,
    tag::{Tag, TagId},
    variants::marker,
};

/// How many unread bytes of a body that is no longer captured may stand between the handler and its client: about
/// what a socket takes at once.
const ROOM: usize = 64 * 1024;

/// What the client is handed as soon as the handler has answered.
pub(crate) type Head<B, E> = Result<Response<Body<B>>, E>;

/// The one request of a flight that runs the handler, for everybody who waits.
#[derive(Debug)]
pub(crate) struct Leader {
    /// The request has credentials, and nothing in its key tells their owners apart.
    pub(crate) authorized: bool,
    /// The request has cookies, and nobody answers for them.
    pub(crate) cookies: bool,
    /// The tags of the route.
    pub(crate) expected: Vec<Tag>,
    pub(crate) fill: Fill,
    /// The request was HEAD. A handler that is there for HEAD alone answers without a body, and that is not the page.
    pub(crate) for_head: bool,
    /// What the request says, as the answer may vary on it.
    pub(crate) headers: HeaderMap,
    /// Of the fill.
    pub(crate) key: EntryKey,
    /// The key of the page, of which the fill's may be a variant.
    pub(crate) page: EntryKey,
    /// What its answer is of, if writes to that end it.
    pub(crate) resource: Option<Resource>,
    pub(crate) route: Arc<Route>,
    pub(crate) scope: Arc<Scope>,
    /// The mark that the session layer has put on this request.
    pub(crate) session: Option<SessionTouched>,
    /// Why there was nothing to serve.
    pub(crate) why: Forward,
}

/// What is kept of an answer, but for its body.
struct Keepsake {
    purpose: Purpose,
    capture: Capture,
    status: StatusCode,
    headers: HeaderMap,
    took: Duration,
    /// What it varies on beyond its key, and what the request says there.
    variant: Option<(Vary, VariantId)>,
}

enum Purpose {
    Store(Lifetime),
    /// A copy for those who wait, and then it is forgotten.
    Failure,
}

impl Leader {
    /// Runs the handler to its end, or until neither its client nor anybody else waits for it.
    ///
    /// For a task of its own: a client that hangs up must not end what others wait for.
    pub(crate) async fn run<S, ReqB, ResB>(
        self,
        mut inner: S,
        request: Request<ReqB>,
        mut head: oneshot::Sender<Head<ResB, S::Error>>,
    ) where
        S: Service<Request<ReqB>, Response = Response<ResB>>,
        ResB: HttpBody<Data = Bytes>,
    {
        let (deadline, asked) = (self.fill.deadline(), Instant::now());
        let deserted = async {
            head.closed().await;
            sleep_until(deadline).await;
        };
        let answer = tokio::select! {
            biased;
            answer = self.scope.run(async move { inner.call(request).await }) => answer,
            () = deserted => return,
        };
        match answer {
            Ok(response)
                if response.status() == StatusCode::NOT_MODIFIED && self.base().is_some() =>
            {
                self.confirmed(response.into_parts().0, asked.elapsed(), head)
                    .await;
            }
            Ok(response) => self.answer(response, asked.elapsed(), head).await,
            Err(error) => {
                // No answer, so there is no copy of it either: those who wait go on with a leader of their own, unless
                // there is something to serve instead.
                if self.base().is_some() {
                    self.fill.fail(Arc::new(Failure::NoAnswer));
                } else {
                    drop(self);
                }
                let _ = head.send(Err(error));
            }
        }
    }

    async fn answer<B, E>(
        self,
        response: Response<B>,
        took: Duration,
        head: oneshot::Sender<Head<B, E>>,
    ) where
        B: HttpBody<Data = Bytes>,
    {
        let (mut parts, body) = response.into_parts();
        let size = body.size_hint();
        let tags = self.tags(&parts);
        self.scope.report_outward(&tags);
        let keepsake = self.keepsake(&parts, &size, took);
        self.announce(&mut parts, &size, keepsake.as_ref());
        match keepsake {
            None => {
                match parts.status.is_server_error() {
                    true => self.fill.refuse_failure(),
                    false => self.fill.refuse(),
                }
                let _ = head.send(Ok(Response::from_parts(parts, Body::inner(body))));
            }
            Some(_) if !self.fill.is_wanted() => {
                let _ = head.send(Ok(Response::from_parts(parts, Body::inner(body))));
            }
            Some(keepsake) => {
                let (sender, receiver) = channel(size, ROOM);
                let _ = head.send(Ok(Response::from_parts(parts, Body::streamed(receiver))));
                // What a body reads from the cache while it is made belongs to it, too.
                let scope = Arc::clone(&self.scope);
                scope
                    .run(self.pass(keepsake, tags, pin!(body), sender))
                    .await;
            }
        }
    }

    /// What is stored for this request, and not good enough any more.
    pub(crate) fn base(&self) -> Option<&Entry> {
        let base = self.fill.base().map(|base| &*base.entry);
        base.filter(|entry| entry.kind == Kind::Response)
    }

    /// Why the handler is asked.
    pub(super) fn forward(&self) -> Forward {
        match self.base() {
            None => self.why,
            Some(base) if base.is_fresh(Entry::now()) => Forward::Request,
            Some(_) => Forward::Stale,
        }
    }

    /// All tags of the entry but those that the scope collects.
    pub(super) fn tags(&self, parts: &Parts) -> Vec<TagId> {
        let added = parts
            .extensions
            .get::<Tags>()
            .into_iter()
            .flat_map(Tags::iter);
        let mut tags: Vec<_> = self.expected.iter().chain(added).map(Tag::id).collect();
        if let Some(resource) = &self.resource {
            tags.push(resource.tag().id());
            tags.extend(groups(&parts.headers, resource).iter().map(Tag::id));
        }
        tags
    }

    /// What is to be kept of this answer; `None` if it is only for the one who asked, or too large.
    fn keepsake(&self, parts: &Parts, size: &SizeHint, took: Duration) -> Option<Keepsake> {
        let rules = self.rules(&parts.extensions);
        let verdict = self.judge(parts, took, &rules);
        let (purpose, withheld) = match verdict {
            Verdict::Store(_) if self.for_head && size.exact() == Some(0) => return None,
            Verdict::Store(Keep { lifetime, .. }) if life(&lifetime, &parts.headers).is_zero() => {
                return None;
            }
            Verdict::Store(Keep { lifetime, withheld }) => (Purpose::Store(lifetime), withheld),
            Verdict::Failure => (Purpose::Failure, Vec::new()),
            Verdict::Refuse(refusal) => {
                tracing::debug!(target: target::CACHE, ?refusal, status = parts.status.as_u16(), "answer not stored");
                return None;
            }
        };
        let vary = Vary::of(&parts.headers)?.beyond(&self.route.key_headers);
        let variant = (!vary.is_empty()).then(|| {
            let id = vary.variant(&self.headers);
            (vary, id)
        });
        if let (Purpose::Store(lifetime), Some((vary, id))) = (&purpose, &variant) {
            let (life, most) = (life(lifetime, &parts.headers), self.route.max_variants);
            if !self
                .route
                .variants
                .admits(&self.page, vary, *id, life, most)
            {
                tracing::debug!(target: target::CACHE, "answer not stored: its page has enough variants");
                return None;
            }
        }
        Some(Keepsake {
            purpose,
            capture: Capture::new(&parts.headers, size.lower(), self.route.max_body).ok()?,
            status: parts.status,
            headers: stored_headers(&parts.headers, &withheld, rules.strict),
            took,
            variant,
        })
    }

    pub(super) fn rules(&self, extensions: &Extensions) -> Rules {
        Rules {
            ttl: self.route.ttl(extensions),
            ..self.route.rules
        }
    }

    /// What becomes of an answer with this head.
    pub(super) fn judge(&self, parts: &Parts, took: Duration, rules: &Rules) -> Verdict {
        let answer = Answer {
            authorized: self.authorized,
            cookies: self.cookies,
            delay: took,
            rejected: parts.extensions.get::<Rejected>().is_some(),
            session_touched: self.session_touched(),
        };
        let now = SystemTime::now();
        let mut verdict = judge(parts.status, &parts.headers, answer, rules, now);
        if let Verdict::Store(keep) = &mut verdict {
            self.route.jitter(&mut keep.lifetime, rules);
        }
        verdict
    }

    fn announce(&self, parts: &mut Parts, size: &SizeHint, keepsake: Option<&Keepsake>) {
        // Only a body whose length is known beforehand cannot outgrow the limit any more.
        let stored = self.fill.may_store()
            && size.exact().is_some()
            && keepsake.is_some_and(|keepsake| matches!(keepsake.purpose, Purpose::Store(_)));
        let detail = match self.fill.unstored() {
            Some(Unstored::Redis(_)) => Some(Detail::RedisAway),
            _ => None,
        };
        let forwarded = Forwarded {
            detail,
            stored,
            why: self.forward(),
            ..Forwarded::default()
        };
        self.route
            .cache_status
            .append(&mut parts.headers, Handling::Forwarded(forwarded));
    }

    async fn pass<B>(
        self,
        keepsake: Keepsake,
        tags: Vec<TagId>,
        body: Pin<&mut B>,
        sender: Sender<B::Error>,
    ) where
        B: HttpBody<Data = Bytes>,
    {
        let Keepsake {
            purpose,
            capture,
            status,
            headers,
            took,
            variant,
        } = keepsake;
        let id = variant.as_ref().map(|(_, id)| *id);
        let entry = |captured, lifetime| Entry {
            took,
            variant: id,
            ..entry(status, headers, captured, lifetime)
        };
        match Pump::new(body, sender)
            .capture(capture, self.fill.deadline())
            .await
        {
            End::Complete(captured, sender) => {
                end(&self.scope, sender, captured.trailers.clone());
                match purpose {
                    // Also a body that is made while it is sent can read somebody's session.
                    _ if self.session_touched() || sets_cookie(&captured) => self.fill.refuse(),
                    Purpose::Failure => {
                        let entry = entry(captured, Lifetime::default());
                        self.fill.fail(Arc::new(Failure::Answer(Box::new(entry))));
                    }
                    Purpose::Store(_) if self.for_head && captured.body.is_empty() => {
                        self.fill.refuse();
                    }
                    Purpose::Store(lifetime) => {
                        self.store(entry(captured, lifetime), tags, lifetime, variant)
                            .await;
                    }
                }
            }
            End::Open(pump) => {
                let Self { fill, scope, .. } = self;
                fill.refuse();
                if let Some((sender, trailers)) = pump.forward().await {
                    end(&scope, sender, trailers);
                }
            }
            // Not "the leader has vanished": a handler that always breaks off would be run by one after the other.
            End::Broken => self.fill.fail(Arc::new(Failure::BrokenOff)),
            End::Deserted => {}
        }
    }

    async fn store(
        self,
        entry: Entry,
        tags: Vec<TagId>,
        lifetime: Lifetime,
        variant: Option<(Vary, VariantId)>,
    ) {
        let elsewhere = self.elsewhere(variant);
        self.bring(entry, tags, lifetime, |brought| Brought {
            elsewhere,
            ..brought
        })
        .await;
    }

    pub(super) async fn bring(
        self,
        entry: Entry,
        mut tags: Vec<TagId>,
        lifetime: Lifetime,
        how: impl FnOnce(Brought) -> Brought,
    ) {
        tags.extend(self.scope.tags());
        let brought = how(Brought {
            life: life(&lifetime, &entry.headers),
            entry: Arc::new(entry),
            tags,
            renewed: false,
            shared: lifetime.may_be_shared(),
            elsewhere: None,
        });
        let outcome = self.fill.bring(brought).await;
        tracing::trace!(target: target::CACHE, ?outcome, "filled");
    }

    /// Where the entry goes, if not under the key of the fill alone.
    fn elsewhere(&self, variant: Option<(Vary, VariantId)>) -> Option<Elsewhere> {
        match variant {
            None if self.key == self.page => None,
            None => {
                self.route.variants.forget(&self.page);
                Some(Elsewhere {
                    key: self.page.clone(),
                    variants: None,
                })
            }
            Some((vary, id)) => Some(Elsewhere {
                key: self.page.variant(id),
                variants: Some((self.page.clone(), Arc::new(marker(&vary)))),
            }),
        }
    }

    pub(super) fn session_touched(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(SessionTouched::is_touched)
    }
}

/// The layer around this one, if there is one, stores when it sees the end: it must have every tag by then.
fn end<E>(scope: &Scope, sender: Sender<E>, trailers: Option<HeaderMap>) {
    scope.report_outward(&[]);
    sender.finish(trailers);
}

fn sets_cookie(captured: &Captured) -> bool {
    let trailers = captured.trailers.as_ref();
    trailers.is_some_and(|trailers| trailers.contains_key(SET_COOKIE))
}

pub(super) fn entry(
    status: StatusCode,
    headers: HeaderMap,
    captured: Captured,
    lifetime: Lifetime,
) -> Entry {
    // Dated back by the age it came with, so that one subtraction gives its age at every hit.
    let age = u64::try_from(lifetime.age.as_millis()).unwrap_or(u64::MAX);
    Entry {
        kind: Kind::Response,
        status,
        headers,
        body: captured.body,
        trailers: captured.trailers,
        stored_at: Entry::now().saturating_sub(age),
        ttl: lifetime.fresh_for,
        stale: lifetime.stale,
        took: Duration::ZERO,
        variant: None,
    }
}
