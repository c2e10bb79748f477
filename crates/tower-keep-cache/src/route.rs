use std::{
    fmt, mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{Extensions, HeaderMap, Request, Uri, header, request::Parts};
use http_body::Body as HttpBody;
use tower_keep_core::{Identity, SessionTouched, telemetry::target};

use crate::{
    entry::Entry,
    key::EntryKey,
    policy::{
        Bypass, CacheStatus, Circumstances, Lifetime, Query, RequestDirectives, Resource, Rules,
        Target, Template, Vary, eligible, is_grpc, is_unsafe, jittered, may_be_cached,
        refreshes_early,
    },
    tag::Tag,
    variants::Variants,
};

/// What a layer has been told about its route.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) cache_status: CacheStatus,
    /// In lower case; none: any.
    pub(crate) hosts: Box<[Box<str>]>,
    pub(crate) identity: Option<IdentityOf>,
    pub(crate) ignore_cookies: bool,
    pub(crate) ignore_request_directives: bool,
    pub(crate) invalidates: bool,
    /// By up to this share what lives for the route's time lives shorter.
    pub(crate) jitter: f64,
    pub(crate) key_headers: Vary,
    pub(crate) says_key: bool,
    pub(crate) max_body: usize,
    pub(crate) max_variants: usize,
    pub(crate) name: Box<str>,
    pub(crate) query: Query,
    pub(crate) rules: Rules,
    /// How long a client waits for the handler where there is something stale to serve.
    pub(crate) soft_deadline: Option<Duration>,
    pub(crate) tags: Vec<TagSource>,
    /// Shared by all copies: what one has learnt, all know.
    pub(crate) variants: Arc<Variants>,
    /// Shared by all copies, so that a route that is called a thousand times a second warns once.
    pub(crate) warned: Arc<AtomicBool>,
}

type Identify = dyn Fn(&Parts) -> Option<Identity> + Send + Sync;
type AddTags = dyn Fn(&Parts, &mut Vec<Tag>) + Send + Sync;

/// Where the identity in the key comes from.
#[derive(Clone)]
pub(crate) enum IdentityOf {
    /// The request extension.
    Extension,
    Closure(Arc<Identify>),
}

/// Where tags come from that are known before the handler runs.
#[derive(Clone)]
pub(crate) enum TagSource {
    Plain(Tag),
    Path(Template),
    Closure(Arc<AddTags>),
}

/// A request, as the cache sees it.
#[derive(Debug)]
pub(crate) struct Question {
    /// It has credentials, and nothing in its key tells their owners apart.
    pub(crate) authorized: bool,
    /// It has cookies, and nobody answers for them.
    pub(crate) cookies: bool,
    pub(crate) key: EntryKey,
    /// Some of its headers say that it wants less than the whole answer.
    pub(crate) conditional: bool,
    pub(crate) directives: RequestDirectives,
}

/// How long an answer is fresh that does not say so itself, for the layer around that makes the entry.
#[derive(Clone, Copy, Debug)]
struct InnerTtl(Duration);

impl Route {
    /// How long an answer with these extensions is fresh if it does not say so itself.
    pub(crate) fn ttl(&self, extensions: &Extensions) -> Option<Duration> {
        let inner = extensions.get().map(|InnerTtl(ttl)| *ttl);
        match (self.rules.ttl, inner) {
            (Some(own), Some(inner)) => Some(own.min(inner)),
            (own, inner) => own.or(inner),
        }
    }

    /// Shortens a lifetime that the route has set.
    pub(crate) fn jitter(&self, lifetime: &mut Lifetime, rules: &Rules) {
        let set_here = [rules.ttl, rules.negative_ttl].contains(&Some(lifetime.fresh_for));
        if set_here && !rules.strict && self.jitter > 0.0 {
            lifetime.fresh_for = jittered(lifetime.fresh_for, self.jitter, random());
        }
    }

    /// Whether an entry of this age that may be served is to be refreshed: because it is stale, or a little before.
    pub(crate) fn is_due(&self, entry: &Entry, age: Duration) -> bool {
        match entry.ttl.checked_sub(age) {
            None | Some(Duration::ZERO) => true,
            Some(remaining) => !self.rules.strict && refreshes_early(remaining, entry.took, random),
        }
    }

    /// Leaves that to the layer of the same cache around this one.
    pub(crate) fn leave_ttl(&self, extensions: &mut Extensions) {
        if let Some(ttl) = self.ttl(extensions) {
            extensions.insert(InnerTtl(ttl));
        }
    }

    /// What a request may change, if it may change anything and entries of it are to end then.
    pub(crate) fn written<B>(&self, request: &Request<B>) -> Option<Resource> {
        // Every call of gRPC is a POST, and none is about what a GET gets.
        let changes =
            self.invalidates && is_unsafe(request.method()) && !is_grpc(request.headers());
        changes.then(|| self.resource(request))?
    }

    /// What the URI of a request names, as the client wrote it.
    pub(crate) fn resource<B>(&self, request: &Request<B>) -> Option<Resource> {
        let host = request.headers().get(header::HOST);
        let target = Target::of(sent_uri(request), request.uri(), host, &self.query).ok()?;
        Some(Resource::of(&target))
    }

    /// What the cache is asked, or why it has no part in the request.
    pub(crate) fn question<B: HttpBody>(
        &self,
        request: &mut Request<B>,
    ) -> Result<Question, Bypass> {
        if !may_be_cached(request.method()) {
            return Err(Bypass::Method);
        }
        let identity = match &self.identity {
            None => None,
            Some(IdentityOf::Extension) => request.extensions().get().cloned(),
            Some(IdentityOf::Closure(identify)) => with_parts(request, |parts| identify(parts)),
        };
        let extensions = request.extensions();
        let session = extensions.get::<SessionTouched>();
        let about = Circumstances {
            body_is_empty: request.body().is_end_stream()
                || request.body().size_hint().exact() == Some(0),
            cookies_answered_for: self.ignore_cookies || session.is_some(),
            identified: extensions.get::<Identity>().is_some(),
            identity_in_key: identity.is_some(),
            ignores_directives: self.ignore_request_directives,
            session_touched: session.is_some_and(SessionTouched::is_touched),
            strict: self.rules.strict,
        };
        if let Query::Listed(_) = self.query {
            // A request that the cache has no part in stays as it is.
            eligible(request.headers(), about)?;
            reduce(request, &self.query);
        }
        let cacheable = eligible(request.headers(), about)?;
        let (sent, here) = (sent_uri(request), request.uri());
        let target = Target::of(sent, here, cacheable.host, &self.query)?;
        if !self.hosts.is_empty()
            && !self
                .hosts
                .iter()
                .any(|host| host.as_bytes() == &*target.host)
        {
            return Err(Bypass::Host);
        }
        Ok(Question {
            authorized: cacheable.authorized,
            cookies: cacheable.cookies,
            conditional: cacheable.conditional,
            directives: cacheable.directives,
            key: self.key(request.headers(), &target, identity.as_ref()),
        })
    }

    fn key(
        &self,
        headers: &HeaderMap,
        target: &Target<'_>,
        identity: Option<&Identity>,
    ) -> EntryKey {
        let variant;
        // HEAD is answered from GET, so that there is one class of methods; key headers make more.
        let class = if self.key_headers.is_empty() {
            b"GET".as_slice()
        } else {
            variant = self.key_headers.variant(headers);
            &variant.0
        };
        let common = [
            class,
            self.name.as_bytes(),
            target.scheme.as_bytes(),
            &target.host,
            target.path_and_query.as_bytes(),
            target.rewritten.as_bytes(),
        ];
        match identity {
            None => EntryKey::from_parts(&common),
            Some(identity) => {
                let [method, name, scheme, host, sent, here] = common;
                EntryKey::from_parts(&[method, name, scheme, host, sent, here, identity.as_bytes()])
            }
        }
    }

    /// The tags that the entry of a request has before the handler adds more, or why there can be none.
    pub(crate) fn tags<B>(&self, request: &mut Request<B>) -> Result<Vec<Tag>, Bypass> {
        let mut tags = Vec::with_capacity(self.tags.len());
        for source in &self.tags {
            match source {
                TagSource::Plain(tag) => tags.push(tag.clone()),
                TagSource::Path(template) => {
                    tags.push(self.path_tag(template, request.extensions_mut())?)
                }
                TagSource::Closure(add) => with_parts(request, |parts| add(parts, &mut tags)),
            }
        }
        Ok(tags)
    }

    #[cfg(feature = "axum")]
    fn path_tag(&self, template: &Template, extensions: &mut Extensions) -> Result<Tag, Bypass> {
        let parameters = tower_keep_core::extract::path_parameters(extensions);
        let parameters = parameters.as_ref().ok();
        let parameter = |name: &str| {
            parameters?
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, text)| text)
        };
        template
            .fill(parameter)
            .map(Tag::from)
            .map_err(|missing| self.lacks(missing))
    }

    /// The layer has refused such templates.
    #[cfg(not(feature = "axum"))]
    fn path_tag(&self, template: &Template, _: &mut Extensions) -> Result<Tag, Bypass> {
        template
            .fill(|_| None)
            .map(Tag::from)
            .map_err(|missing| self.lacks(missing))
    }

    /// Without its tag an entry could never be invalidated, so there is none.
    fn lacks(&self, parameter: &str) -> Bypass {
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: target::CACHE,
                parameter,
                route = &*self.name,
                "the path has no such parameter, which a tag of this route names: nothing is cached here"
            );
        }
        Bypass::Tag
    }
}

/// Evenly from 0 to 1.
fn random() -> f64 {
    // Without randomness nothing is wrong, only less even.
    getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX))
}

/// Takes from the request what is not in its key.
fn reduce<B>(request: &mut Request<B>, query: &Query) {
    if let Some(uri) = query.reduced(request.uri()) {
        *request.uri_mut() = uri;
    }
    #[cfg(feature = "axum")]
    if let Some(sent) = request
        .extensions_mut()
        .get_mut::<axum::extract::OriginalUri>()
    {
        if let Some(uri) = query.reduced(&sent.0) {
            sent.0 = uri;
        }
    }
}

/// As the client sent it: a nested axum router cuts its prefix off, and two shops would share their pages.
#[cfg(feature = "axum")]
fn sent_uri<B>(request: &Request<B>) -> &Uri {
    let original = request.extensions().get::<axum::extract::OriginalUri>();
    original.map_or_else(|| request.uri(), |original| &original.0)
}

#[cfg(not(feature = "axum"))]
fn sent_uri<B>(request: &Request<B>) -> &Uri {
    request.uri()
}

/// Shows the request without its body. Only who asks for it pays for the moves.
fn with_parts<B, R>(request: &mut Request<B>, show: impl FnOnce(&Parts) -> R) -> R {
    let (mut parts, ()) = Request::new(()).into_parts();
    lend(request, &mut parts);
    let shown = show(&parts);
    lend(request, &mut parts);
    shown
}

fn lend<B>(request: &mut Request<B>, parts: &mut Parts) {
    mem::swap(request.method_mut(), &mut parts.method);
    mem::swap(request.uri_mut(), &mut parts.uri);
    mem::swap(request.version_mut(), &mut parts.version);
    mem::swap(request.headers_mut(), &mut parts.headers);
    mem::swap(request.extensions_mut(), &mut parts.extensions);
}

impl fmt::Debug for IdentityOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Extension => "Extension",
            Self::Closure(_) => "Closure(..)",
        })
    }
}

impl fmt::Debug for TagSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(tag) => tag.fmt(f),
            Self::Path(template) => template.fmt(f),
            Self::Closure(_) => f.write_str("Closure(..)"),
        }
    }
}
