//! What the breaker promises.
