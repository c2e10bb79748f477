use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use http::request::Parts;
use tower_keep_core::Identity;
use tower_layer::Layer;

use crate::{
    Cache,
    engine::Engine,
    policy::{CacheStatus, LONGEST, Query, Rules, Template, Vary},
    route::{IdentityOf, Route, TagSource},
    service::ResponseCache,
    tag::Tag,
};

mod resource;
mod rules;

/// So many variants of one page are kept, unless the route says otherwise.
const MAX_VARIANTS: usize = 16;

/// Answers GET and HEAD from the cache, and asks the service that it wraps for what is not there, once for all who
/// wait for the same.
///
/// A cheap value: the handle, and what is said here about one route. Everything not said has a default on the safe side.
///
/// ```
/// use std::{convert::Infallible, sync::atomic::{AtomicU32, Ordering}, time::Duration};
///
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::{BodyExt, Empty, Full};
/// use tower::{Layer, ServiceExt, service_fn};
/// use tower_keep_cache::Cache;
/// use tower_keep_core::connection::ConnectionManager;
///
/// static RUNS: AtomicU32 = AtomicU32::new(0);
///
/// async fn bestsellers(_: Request<Empty<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
///     let run = RUNS.fetch_add(1, Ordering::Relaxed) + 1;
///     Ok(Response::new(Full::from(format!("made in run {run}"))))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cache = Cache::new(ConnectionManager::open("memory:")?);
/// let layer = cache.layer().ttl(Duration::from_secs(60)).tag("bestsellers");
/// let service = layer.layer(service_fn(bestsellers));
///
/// for _ in 0..3 {
///     let response = service.clone().oneshot(Request::get("/bestsellers").body(Empty::new())?).await?;
///     assert_eq!(response.into_body().collect().await?.to_bytes(), "made in run 1");
/// }
///
/// cache.invalidate(["bestsellers"]).await?;
/// let response = service.oneshot(Request::get("/bestsellers").body(Empty::new())?).await?;
/// assert_eq!(response.headers()["cache-status"], "tower-keep; fwd=uri-miss; stored");
/// assert_eq!(response.into_body().collect().await?.to_bytes(), "made in run 2");
/// # Ok(())
/// # }
/// ```
///
/// # Which answers are kept
///
/// Those of a GET that say how long they are fresh, by `CDN-Cache-Control` ([RFC
/// 9213](https://www.rfc-editor.org/rfc/rfc9213)), `Cache-Control: s-maxage`, `max-age` or `Expires`, or that say nothing
/// and are meant by [`ttl`](Self::ttl), and those that the handler can be asked about later, by `ETag` or `Last-Modified`.
/// Never those with `no-store`, `private` or `Set-Cookie`, with a status of 206, 304, 401, 403, 407, 429 or 5xx, of a
/// session that was touched, or of another layer's refusal. Fields that `private="..."` or `no-cache="..."` names are left
/// out of what is kept. [`strict`](Self::strict) goes by RFC 9111 alone.
///
/// One that has `Vary` is kept for requests that say the same in the headers it names, up to
/// [`max_variants`](Self::max_variants) of one page; `Vary: *` is for one request only.
///
/// # What tells entries apart
///
/// The scheme (where the request line says it, as in HTTP/2), the host, the path and the query as the client sent them
/// ([`query_keys`](Self::query_keys) and [`sorted_query`](Self::sorted_query) say less), the layer's [`name`](Self::name), and with [`by_identity`](Self::by_identity) who asks. **Whatever else the handler
/// reads from a request must not change its answer**, or must be said in `Vary`: this includes `X-Forwarded-Host` and
/// its kin. A path that was rewritten on the way counts in both forms. What the client sent is known inside of axum's
/// routers, with the feature `axum`; elsewhere only what has arrived is, and where something cuts prefixes off, layers
/// that are left with the same path need different names.
///
/// # How a miss is answered
///
/// The handler runs in a task of its own (task locals do not follow it there) and without the client's conditions and
/// ranges, because its answer is for everybody; the client gets of it what it asked for. The body goes to the client chunk by chunk
/// as it is made, while a copy is kept: at the end it is stored, if it ended as it should and is not larger than
/// [`max_body`](Self::max_body). A client that hangs up does not end it, and one that reads slowly does not slow it
/// down, until the body is larger than what is kept: from there on it is that client's alone.
///
/// Those who wait for the same entry get a copy of it. If the handler fails with a 5xx, they get a copy of that, and if
/// its body breaks off, a 500; an error of the service itself, or a panic, is its caller's, and one of the others takes
/// over.
///
/// # What becomes of it later
///
/// An entry is kept beyond its freshness for as long as it can be of use: the handler is asked whether it is still good
/// (`If-None-Match`, `If-Modified-Since`), and a 304 makes it fresh again; it is served while it is refreshed, within
/// `stale-while-revalidate`, and when the handler fails, within `stale-if-error` ([RFC
/// 5861](https://www.rfc-editor.org/rfc/rfc5861)). Never after an invalidation, and never with `must-revalidate`,
/// `proxy-revalidate`, `s-maxage` or `no-cache`.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is put around a service"]
pub struct ResponseCacheLayer {
    engine: Arc<Engine>,
    route: Arc<Route>,
}

impl Cache {
    /// A layer that answers requests from this cache: see [`ResponseCacheLayer`].
    pub fn layer(&self) -> ResponseCacheLayer {
        ResponseCacheLayer::new(Arc::clone(&self.engine))
    }
}

impl ResponseCacheLayer {
    fn new(engine: Arc<Engine>) -> Self {
        let route = Route {
            cache_status: CacheStatus::new("tower-keep").expect("the name is a token"),
            hosts: Box::default(),
            identity: None,
            ignore_cookies: false,
            ignore_request_directives: false,
            invalidates: true,
            jitter: 0.05,
            key_headers: Vary::default(),
            says_key: false,
            max_body: engine.settings.max_entry_bytes,
            max_variants: MAX_VARIANTS,
            name: Box::default(),
            query: Query::default(),
            rules: Rules::default(),
            soft_deadline: None,
            tags: Vec::new(),
            variants: Arc::default(),
            warned: Arc::new(AtomicBool::new(false)),
        };
        Self {
            engine,
            route: Arc::new(route),
        }
    }

    /// How long an answer is fresh that does not say so itself, by `Cache-Control` or `Expires`.
    ///
    /// Means the statuses 200, 203, 204, 301 and 308; another one is stored only if the handler says for how long: a
    /// route that keeps its pages for an hour does not want an hour of "not found". Without a `ttl` (the default), only
    /// answers are stored that speak for themselves.
    pub fn ttl(self, ttl: Duration) -> Self {
        self.with(|route| route.rules.ttl = Some(ttl.min(LONGEST)))
    }

    /// Tags every entry of this route, so that `cache.invalidate(["product:7"])` finds it.
    ///
    /// `{id}` stands for the path parameter `id` of the matched axum route: its text as the client wrote it, once
    /// percent-decoded. `/products/007` has the tag `product:007`, not `product:7`; where the handler reads the row 7
    /// for both, it adds that row's tag itself, with [`Tags`](crate::Tags). A request whose route has no such
    /// parameter is not cached, and one warning says so.
    ///
    /// # Panics
    ///
    /// If braces do not match, or a parameter is named and the feature `axum` is off: nobody else knows parameters.
    #[track_caller]
    pub fn tag(self, tag: &str) -> Self {
        let template = match Template::parse(tag) {
            Ok(template) => template,
            Err(error) => panic!("tag {tag:?}: {error}"),
        };
        let source = if !template.has_parameters() {
            TagSource::Plain(Tag::from(tag))
        } else if cfg!(feature = "axum") {
            TagSource::Path(template)
        } else {
            panic!(
                "tag {tag:?} names a path parameter: switch on the feature `axum`, or use `tag_with`"
            );
        };
        self.with(|route| route.tags.push(source))
    }

    /// Tags every entry of this route with what `tags` reads from the request.
    ///
    /// Called for every request that may be cached, also for hits, but for those that this process has at hand.
    pub fn tag_with<F, I>(self, tags: F) -> Self
    where
        F: Fn(&Parts) -> I + Send + Sync + 'static,
        I: IntoIterator,
        I::Item: Into<Tag>,
    {
        let source = TagSource::Closure(Arc::new(move |parts, into| {
            into.extend(tags(parts).into_iter().map(Into::into))
        }));
        self.with(|route| route.tags.push(source))
    }

    /// The name of the owner of these entries, and a part of their key.
    ///
    /// Layers with different names do not share entries, also where they see the same URL. Of two layers of one cache
    /// around each other with the same name, the inner one leaves the work to the outer one and hands it its tags;
    /// of their `ttl`s the shorter counts.
    /// Defaults to no name.
    pub fn name(self, name: &str) -> Self {
        self.with(|route| route.name = name.into())
    }

    /// The largest body, in bytes, that is stored. A larger one passes as it is made, and its key is remembered, so
    /// that requests for it are not queued.
    ///
    /// Defaults to 1 MiB: what web pages and API answers stay far below; what is larger belongs into an object store, and
    /// would keep Redis busy for milliseconds at each hit, when everybody else waits.
    pub fn max_body(self, bytes: usize) -> Self {
        self.with(|route| route.max_body = bytes)
    }

    /// Makes the [`Identity`] of a request a part of its key: everybody has entries of their own.
    ///
    /// With it, identified requests and those with `Authorization` are cached; without it (the default) they bypass the
    /// cache, because the answer may be theirs alone. A request that carries `Authorization` and no identity bypasses
    /// the cache in any case.
    pub fn by_identity(self) -> Self {
        self.with(|route| route.identity = Some(IdentityOf::Extension))
    }

    /// As [`by_identity`](Self::by_identity), with an identity that `identify` reads from the request.
    ///
    /// It must tell apart everybody who may not see each other's answers; tenants, for example, if all
    /// users of a tenant see the same.
    pub fn by_identity_of<F>(self, identify: F) -> Self
    where
        F: Fn(&Parts) -> Option<Identity> + Send + Sync + 'static,
    {
        self.with(|route| route.identity = Some(IdentityOf::Closure(Arc::new(identify))))
    }

    /// Says that the answers of this route do not depend on cookies.
    ///
    /// By default a request with a `Cookie` header bypasses the cache, unless tower-keep's own session layer stands
    /// outside of this one: that one reports whether the session was touched, and other cookies are then taken
    /// not to matter.
    pub fn ignore_cookies(self) -> Self {
        self.with(|route| route.ignore_cookies = true)
    }

    /// By up to what share an entry lives shorter than the route's `ttl`, so that what was made at the same time, after
    /// a deployment or a flush, does not end at the same time. What the handler itself says is not shortened.
    ///
    /// Defaults to 0.05: it spreads the entries of a minute over three seconds, and nobody minds 57 s instead of 60.
    pub fn jitter(self, share: f64) -> Self {
        self.with(|route| route.jitter = share)
    }

    /// How long a client waits for the handler where a stale answer may be served if it fails: then that is served, and
    /// the run goes on for those who come later.
    ///
    /// Defaults to none: a slow answer is no failure.
    pub fn soft_deadline(self, deadline: Duration) -> Self {
        self.with(|route| route.soft_deadline = Some(deadline))
    }

    /// The name under which the `Cache-Status` header ([RFC 9211](https://www.rfc-editor.org/rfc/rfc9211)) says what was
    /// done. Defaults to `tower-keep`.
    ///
    /// # Panics
    ///
    /// If the name is empty or has other characters than printable ASCII.
    #[track_caller]
    pub fn cache_status(self, name: &str) -> Self {
        let Some(status) = CacheStatus::new(name) else {
            panic!("Cache-Status {name:?}: a name is printable ASCII");
        };
        self.with(|route| route.cache_status = status)
    }

    fn with(mut self, set: impl FnOnce(&mut Route)) -> Self {
        set(Arc::make_mut(&mut self.route));
        self
    }
}

impl<S> Layer<S> for ResponseCacheLayer {
    type Service = ResponseCache<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ResponseCache::new(inner, Arc::clone(&self.engine), Arc::clone(&self.route))
    }
}
