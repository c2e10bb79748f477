//! The atomics, or loom's, which explore every interleaving of the tests under `--cfg keep_loom`.

#[cfg(all(keep_loom, test))]
pub(super) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
#[cfg(not(all(keep_loom, test)))]
pub(super) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
