use std::time::Duration;

use http::HeaderName;

use super::ResponseCacheLayer;
use crate::policy::{LONGEST, Vary};

/// What a route says about the semantics of HTTP.
impl ResponseCacheLayer {
    /// Takes responses by their word, as RFC 9111 has it: for a service that was written with caches in mind, or one that
    /// is not ours.
    ///
    /// Only what a response says of its freshness counts, and no `ttl` of the route. Then every status may be stored that
    /// the standards allow, and `Set-Cookie` with what says that it is fresh for some time; requests with `Cookie` and with
    /// `Authorization` are answered from the cache. What answers a request with `Authorization` is stored only if it says
    /// that it is for everybody (`public`, `must-revalidate` or `s-maxage`, RFC 9111 section 3.5), and a failure of a
    /// request with `Cookie` is nobody else's. When the handler fails, what is stored is served stale wherever the response does not
    /// forbid it (section 4.2.4).
    ///
    /// Off by default, because most handlers say nothing to caches, and some middleware says `max-age` on everything.
    pub fn strict(self) -> Self {
        self.with(|route| route.rules.strict = true)
    }

    /// How long a 404 or 410 is fresh that does not say so itself.
    ///
    /// Keep it short, and give the route a tag that the row will have when there is one, so that creating it ends the
    /// "not found". Without it (the default) these are stored only if the handler says for how long.
    pub fn negative_ttl(self, ttl: Duration) -> Self {
        self.with(|route| route.rules.negative_ttl = Some(ttl.min(LONGEST)))
    }

    /// How long an answer may be served after its freshness, while a fresh one is made in the background, if it does not
    /// say so itself with `stale-while-revalidate` ([RFC 5861](https://www.rfc-editor.org/rfc/rfc5861) section 3).
    ///
    /// Never for one that says `must-revalidate`, `proxy-revalidate`, `no-cache` or `s-maxage` (RFC 9111 section 4.2.4).
    /// Defaults to not at all.
    pub fn stale_while_revalidate(self, window: Duration) -> Self {
        let window = Some(window.min(LONGEST));
        self.with(|route| route.rules.stale_while_revalidate = window)
    }

    /// How long an answer may be served after its freshness if the handler fails, if it does not say so itself with
    /// `stale-if-error` ([RFC 5861](https://www.rfc-editor.org/rfc/rfc5861) section 4).
    ///
    /// Never for one that says `must-revalidate`, `proxy-revalidate`, `no-cache` or `s-maxage` (RFC 9111 section 4.2.4).
    /// Defaults to not at all.
    pub fn stale_if_error(self, window: Duration) -> Self {
        self.with(|route| route.rules.stale_if_error = Some(window.min(LONGEST)))
    }

    /// Guesses how long an answer is fresh that does not say so, and for which no `ttl` is meant: a tenth of the time
    /// since its `Last-Modified`, and a day at most (RFC 9111 section 4.2.2).
    ///
    /// Off by default: a guess is a promise that nobody has made.
    pub fn heuristic_freshness(self) -> Self {
        self.with(|route| route.rules.heuristics = true)
    }

    /// Makes these request headers a part of the key: answers may depend on them without saying so in `Vary`.
    ///
    /// An answer that varies on them alone is found at once, where one that varies on others is looked for under its page
    /// first. In `Accept-Encoding` and `Accept-Language`, case, order and blanks do not matter. Each value that clients
    /// send makes entries of its own: name headers with few values.
    ///
    /// # Panics
    ///
    /// If one of them is no name of a header.
    #[track_caller]
    pub fn key_headers<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let name = |name: &str| match HeaderName::try_from(name) {
            Ok(name) => name,
            Err(_) => panic!("{name:?} is no name of a header"),
        };
        let names = names.into_iter().map(name).collect();
        self.with(|route| route.key_headers = Vary::by(names))
    }

    /// So many variants of one page are kept at a time, by each process.
    ///
    /// An answer with `Vary` is kept for each set of values that the headers it names have had, and clients send what
    /// they like. Requests beyond reach the handler. Defaults to 16: some languages, with and without compression.
    pub fn max_variants(self, variants: usize) -> Self {
        self.with(|route| route.max_variants = variants)
    }

    /// Leaves entries alone when something is written to their URI.
    ///
    /// By default an answer of 2xx or 3xx to a POST, PUT, PATCH, DELETE or any other method that is not known to be safe
    /// ends all entries of that URI, and of those of the same host in its `Location` and `Content-Location` (RFC 9111
    /// section 4.4), before the client has it; and whatever the status, those of the groups in
    /// `Cache-Group-Invalidation` ([RFC 9875](https://www.rfc-editor.org/rfc/rfc9875)). That needs the layer to see both:
    /// it belongs around all methods of a route. Each entry carries one more tag for it. Where the handlers invalidate
    /// the tags of the rows that they write anyway, this saves a round trip to Redis for each write.
    pub fn keep_on_writes(self) -> Self {
        self.with(|route| route.invalidates = false)
    }

    /// Says in `Cache-Status` also under which key the page of a request is kept: the digits that name it in Redis.
    ///
    /// For a test system, or while something is looked for: it tells anybody which requests share an entry. Off by
    /// default.
    pub fn cache_status_key(self) -> Self {
        self.with(|route| route.says_key = true)
    }

    /// Does as it likes about what clients ask of caches in `Cache-Control`: a browser's reload is answered from the
    /// cache, too.
    ///
    /// By default their wishes count, as in any cache: `no-cache` and `no-store` reach the handler, which is what a
    /// developer expects of a reload, and what costs a service under load the most.
    pub fn ignore_request_directives(self) -> Self {
        self.with(|route| route.ignore_request_directives = true)
    }
}
