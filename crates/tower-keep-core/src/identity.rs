use std::fmt;

use bytes::Bytes;

/// Who a request is from: an opaque name that is the same for all requests of one user.
///
/// A request extension, set by the session layer or by the application's own authentication.
/// The rate limiter counts by it ([`extract::identity`](crate::extract::identity)), the cache makes it part of the key
/// where a route says so. A user id will do; a secret such as a token must not be used, because
/// it changes when it is renewed.
///
/// `Debug` shows no content, and Redis sees it only inside a SHA-256 digest.
///
/// ```
/// use tower_keep_core::Identity;
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(Identity::new("user:42"));
///
/// let identity = request.extensions().get::<Identity>().unwrap();
/// assert_eq!(identity.as_bytes(), b"user:42");
/// assert_eq!(format!("{identity:?}"), "Identity(..)");
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Identity(Bytes);

impl Identity {
    /// Makes an identity of any text or bytes.
    pub fn new(name: impl Into<Bytes>) -> Self {
        Self(name.into())
    }

    /// The name as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}
