use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the handler has read or changed the session of this request.
///
/// The session layer puts one into the request's extensions; every access to the session marks it.
/// The cache reads it twice. Its presence says that a session layer of tower-keep answers for the
/// cookies of the request: cookies alone do not make the answer personal. Once it is marked,
/// the answer is one user's own and must not be stored
/// ([RFC 9111 §3](https://www.rfc-editor.org/rfc/rfc9111#section-3) leaves that to the cache, we do not).
///
/// Clones share one mark, also across tasks.
///
/// ```
/// use tower_keep_core::SessionTouched;
///
/// let seen_by_the_cache = SessionTouched::new();
/// let seen_by_the_handler = seen_by_the_cache.clone();
/// assert!(!seen_by_the_cache.is_touched());
///
/// seen_by_the_handler.touch();
/// assert!(seen_by_the_cache.is_touched());
/// ```
#[derive(Clone, Debug, Default)]
pub struct SessionTouched(Arc<AtomicBool>);

impl SessionTouched {
    /// A mark that is not set yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that the session was read or changed. There is no way back.
    pub fn touch(&self) {
        // Release, paired with the acquire below: who sees the mark sees what led to it.
        self.0.store(true, Ordering::Release);
    }

    /// Whether the session was read or changed.
    pub fn is_touched(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
