use std::time::Duration;

/// What a route says about the answers of its handler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Guess a lifetime from `Last-Modified` where nothing says one (RFC 9111 section 4.2.2).
    pub(crate) heuristics: bool,
    /// How long a 404 or 410 is fresh that does not say so itself.
    pub(crate) negative_ttl: Option<Duration>,
    /// How long it may be served when the handler fails, if it does not say so itself.
    pub(crate) stale_if_error: Option<Duration>,
    /// How long it may be served while it is refreshed, if it does not say so itself.
    pub(crate) stale_while_revalidate: Option<Duration>,
    /// Only what a response says counts, by RFC 9111 alone.
    pub(crate) strict: bool,
    /// How long an answer is fresh that does not say so itself.
    pub(crate) ttl: Option<Duration>,
}
