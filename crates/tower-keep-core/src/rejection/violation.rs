use std::borrow::Cow;

/// A quota that a request has exceeded, for the client to read.
///
/// Named in `violated-policies` of the HTTP problem, and told in full in gRPC's
/// [`google.rpc.QuotaFailure`](https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto).
/// Give it nothing that the client should not know about itself.
///
/// ```
/// use tower_keep_core::QuotaViolation;
///
/// let violation = QuotaViolation::of("login").description("5 per minute");
/// # let _ = violation;
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QuotaViolation {
    pub(super) policy: Cow<'static, str>,
    pub(super) subject: Cow<'static, str>,
    pub(super) description: Cow<'static, str>,
}

impl QuotaViolation {
    /// A violation of the quota of this name (gRPC: `quota_id`).
    pub fn of(policy: impl Into<Cow<'static, str>>) -> Self {
        Self {
            policy: policy.into(),
            subject: Cow::default(),
            description: Cow::default(),
        }
    }

    /// Whom the quota belongs to, such as `project:apollo`. Defaults to saying nothing.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<Cow<'static, str>>) -> Self {
        self.subject = subject.into();
        self
    }

    /// The quota in words, such as `5 per minute`. Defaults to saying nothing.
    #[must_use]
    pub fn description(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.description = description.into();
        self
    }
}
