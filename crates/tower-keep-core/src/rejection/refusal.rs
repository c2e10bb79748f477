use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Response};

use super::protocol::Kind;
use super::{Protocol, QuotaViolation, Reason, grpc, problem};
use crate::{Body, telemetry};

/// The problem type of an exceeded quota in
/// [draft-ietf-httpapi-ratelimit-headers](https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/).
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/// A layer's refusal of a request, not yet in any protocol.
///
/// [`Rejection::into_response`] makes the answer: for HTTP a problem document
/// ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with `Retry-After`, for gRPC a trailers-only response with
/// `grpc-status` and its details. Both carry [`Rejected`] as an extension for the layers further out.
///
/// ```
/// use std::time::Duration;
/// use http::HeaderMap;
/// use tower_keep_core::{Protocol, Rejection};
/// # type Inner = http_body_util::Empty<bytes::Bytes>;
///
/// let rejection = || Rejection::unavailable("session").retry_after(Duration::from_millis(200));
///
/// let answer = rejection().into_response::<Inner>(&Protocol::http());
/// assert_eq!(answer.status(), 503);
/// assert_eq!(answer.headers()["retry-after"], "1");
///
/// let mut headers = HeaderMap::new();
/// headers.insert("content-type", "application/grpc".parse()?);
/// let answer = rejection().into_response::<Inner>(&Protocol::of(&headers));
/// assert_eq!(answer.status(), 200);
/// assert_eq!(answer.headers()["grpc-status"], "14");
/// assert_eq!(answer.headers()["grpc-retry-pushback-ms"], "200");
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a rejection refuses nothing until it is made a response"]
pub struct Rejection {
    pub(super) by: Cow<'static, str>,
    pub(super) reason: Reason,
    pub(super) retry_after: Option<Duration>,
    pub(super) problem_type: Option<Cow<'static, str>>,
    pub(super) title: Cow<'static, str>,
    pub(super) detail: Option<Cow<'static, str>>,
    pub(super) violations: Vec<QuotaViolation>,
    pub(super) headers: HeaderMap,
    /// For the log only.
    cause: Option<String>,
}

impl Rejection {
    /// The subject has used up its quota. `by` is the name of the layer or limit.
    ///
    /// The problem type is `quota-exceeded` of the IETF's draft on rate limit headers.
    pub fn rate_limited(by: impl Into<Cow<'static, str>>) -> Self {
        Self {
            problem_type: Some(QUOTA_EXCEEDED.into()),
            title: "Request cannot be satisfied as assigned quota has been exceeded".into(),
            ..Self::new(by, Reason::RateLimited)
        }
    }

    /// Something that the request needs is away. `by` is the name of the layer.
    pub fn unavailable(by: impl Into<Cow<'static, str>>) -> Self {
        Self::new(by, Reason::Unavailable)
    }

    /// The client has not sent what says whom the request is counted for. `by` is the name of the layer.
    ///
    /// `cause` goes to the log, at `debug`: clients cause it at will. Give the client a [`Rejection::detail`].
    pub fn unidentified(by: impl Into<Cow<'static, str>>, cause: impl fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..Self::new(by, Reason::Unidentified)
        }
    }

    /// The service around the layer lacks what the layer needs. `by` is the name of the layer.
    ///
    /// `cause` goes to the log, at `error`, and should name the fix. The client does not see it.
    pub fn misconfigured(by: impl Into<Cow<'static, str>>, cause: impl fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..Self::new(by, Reason::Misconfigured)
        }
    }

    fn new(by: impl Into<Cow<'static, str>>, reason: Reason) -> Self {
        Self {
            by: by.into(),
            reason,
            retry_after: None,
            problem_type: None,
            // What RFC 9457 §4.2.1 asks of problems without a type of their own.
            title: reason
                .status()
                .canonical_reason()
                .unwrap_or_default()
                .into(),
            detail: None,
            violations: Vec::new(),
            headers: HeaderMap::new(),
            cause: None,
        }
    }

    /// How long the client should wait before it tries again.
    ///
    /// Rounded up and never zero: to seconds in `Retry-After`
    /// ([RFC 9110 §10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)), to milliseconds in gRPC.
    /// Defaults to saying nothing.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The URI and the title of the problem ([RFC 9457 §3.1](https://www.rfc-editor.org/rfc/rfc9457#section-3.1)).
    ///
    /// Defaults to `quota-exceeded` for a rate limit, else to `about:blank` and the phrase of the status.
    pub fn problem(
        mut self,
        uri: impl Into<Cow<'static, str>>,
        title: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.problem_type = Some(uri.into());
        self.title = title.into();
        self
    }

    /// What happened in words for the client: `detail` of the problem, `grpc-message` in gRPC.
    ///
    /// Defaults to none, and to the title in gRPC.
    pub fn detail(mut self, words: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(words.into());
        self
    }

    /// Adds a header, or in gRPC the metadata of that name. One that the answer sets itself is overwritten.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Adds a quota that was exceeded: a name in `violated-policies` of the problem, `QuotaFailure` in gRPC.
    pub fn violation(mut self, violation: QuotaViolation) -> Self {
        self.violations.push(violation);
        self
    }

    /// The answer in the request's protocol.
    ///
    /// Leaves one event under [`telemetry::target::REJECTION`] and counts in [`telemetry::rejection::REJECTIONS`].
    pub fn into_response<B: http_body::Body>(self, protocol: &Protocol) -> Response<Body<B>> {
        self.report();
        let rejected = Rejected {
            by: self.by.clone(),
            reason: self.reason,
            retry_after: self.retry_after,
        };
        let mut response = match protocol.kind() {
            Kind::Http => problem::answer(self),
            Kind::Grpc(content_type) => grpc::answer(self, content_type.clone()),
        };
        response.extensions_mut().insert(rejected);
        response
    }

    fn report(&self) {
        let (by, reason) = (&*self.by, self.reason.as_str());
        metrics::counter!(telemetry::rejection::REJECTIONS, "by" => self.by.clone(), "reason" => reason).increment(1);
        let cause = self.cause.as_deref();
        if self.reason == Reason::Misconfigured {
            tracing::error!(target: telemetry::target::REJECTION, by, reason, cause, "request refused");
        } else {
            let retry_after = self.retry_after.map(tracing::field::debug);
            tracing::debug!(target: telemetry::target::REJECTION, by, reason, retry_after, cause, "request refused");
        }
    }
}

/// The mark on an answer that a layer gave instead of the service it protects.
///
/// A response extension. Layers further out neither store such an answer nor count it as a failure of the service;
/// a cache may serve what it has instead.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Rejected {
    /// The layer, or the name of the limit or breaker.
    pub by: Cow<'static, str>,
    /// Why.
    pub reason: Reason,
    /// How long the client was asked to wait.
    pub retry_after: Option<Duration>,
}
