use http::StatusCode;

/// Why a layer refused a request.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// The subject has used up its quota. 429 ([RFC 6585 §4](https://www.rfc-editor.org/rfc/rfc6585#section-4)), gRPC `RESOURCE_EXHAUSTED`.
    RateLimited,
    /// What the request needs is away, and the policy is not to go on without it.
    /// 503 ([RFC 9110 §15.6.4](https://www.rfc-editor.org/rfc/rfc9110#section-15.6.4)), gRPC `UNAVAILABLE`.
    Unavailable,
    /// The request lacks what says whom it is counted for, and it is the client who should have sent it.
    /// 400 ([RFC 9110 §15.5.1](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.1)), gRPC `INVALID_ARGUMENT`.
    Unidentified,
    /// The service around the layer lacks what the layer needs; the log says what.
    /// 500 ([RFC 9110 §15.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-15.6.1)), gRPC `INTERNAL`.
    Misconfigured,
}

impl Reason {
    /// The status of the answer in plain HTTP.
    pub fn status(self) -> StatusCode {
        match self {
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unidentified => StatusCode::BAD_REQUEST,
            Self::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The [status code](https://github.com/grpc/grpc/blob/master/doc/statuscodes.md) of the answer in gRPC.
    pub fn grpc_status(self) -> u8 {
        match self {
            Self::RateLimited => 8,
            Self::Unavailable => 14,
            Self::Unidentified => 3,
            Self::Misconfigured => 13,
        }
    }

    /// The reason as the value of a metric's label or a log field.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Unidentified => "unidentified",
            Self::Misconfigured => "misconfigured",
        }
    }
}
