use std::{error::Error, fmt, sync::Arc};

use tower_keep_core::connection::CommandError;

/// Why [`Cache::get_or_load`](super::Cache::get_or_load) has no value. Redis is never the reason.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError<E> {
    /// The loader failed. Everybody who waited for the same value gets the same failure.
    Load(Arc<E>),
    /// The loader took longer than the [fill timeout](super::Cache::fill_timeout).
    TimedOut,
    /// The runtime is shutting down.
    Stopped,
}

impl<E: fmt::Display> fmt::Display for LoadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(error) => write!(f, "the value could not be loaded: {error}"),
            Self::TimedOut => f.write_str("the value could not be loaded in time"),
            Self::Stopped => f.write_str("the runtime is shutting down"),
        }
    }
}

impl<E: Error + 'static> Error for LoadError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Load(error) => Some(error.as_ref()),
            Self::TimedOut | Self::Stopped => None,
        }
    }
}

/// Clones share the loader's error.
impl<E> Clone for LoadError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Load(error) => Self::Load(Arc::clone(error)),
            Self::TimedOut => Self::TimedOut,
            Self::Stopped => Self::Stopped,
        }
    }
}

/// Why [`Cache::put`](super::Cache::put) did not store. What was cached before may be served until it expires or is
/// invalidated.
#[derive(Debug)]
#[non_exhaustive]
pub enum PutError<E> {
    /// The loader failed.
    Load(E),
    /// Redis is away, or did not answer. In the latter case the value may have been stored.
    Redis(CommandError),
    /// Other fills kept this one from beginning, or from keeping its lease.
    Busy,
    /// An invalidation of one of the tags is still pending, or holds the tag.
    Invalidated,
    /// The value is larger than [`max_entry_bytes`](super::Cache::max_entry_bytes).
    TooLarge {
        /// The size of the serialised value.
        bytes: usize,
    },
    /// More than 255 tags, those of everything cached that the loader used included.
    TooManyTags,
    /// The value could not be serialised.
    Serialize(Box<dyn Error + Send + Sync>),
    /// The loader took longer than the [fill timeout](super::Cache::fill_timeout).
    TimedOut,
    /// The runtime is shutting down.
    Stopped,
}

impl<E: fmt::Display> fmt::Display for PutError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(error) => write!(f, "the value could not be loaded: {error}"),
            Self::Redis(error) => write!(f, "the value could not be stored: {error}"),
            Self::Busy => f.write_str("the value could not be stored: other fills are in the way"),
            Self::Invalidated => {
                f.write_str("the value could not be stored: an invalidation is in the way")
            }
            Self::TooLarge { bytes } => write!(f, "the value is too large: {bytes} bytes"),
            Self::TooManyTags => f.write_str("the value has too many tags"),
            Self::Serialize(error) => write!(f, "the value could not be serialised: {error}"),
            Self::TimedOut => f.write_str("the value could not be loaded in time"),
            Self::Stopped => f.write_str("the runtime is shutting down"),
        }
    }
}

impl<E: Error + 'static> Error for PutError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Load(error) => Some(error),
            Self::Redis(error) => Some(error),
            Self::Serialize(error) => Some(error.as_ref()),
            _ => None,
        }
    }
}

/// Why an invalidation has not been acknowledged.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum InvalidateError {
    /// Redis could not be reached, or did not answer.
    ///
    /// The invalidation is retried in the background until Redis acknowledges it. Until then this process serves
    /// and stores nothing that it concerns; other processes may, until they, too, hear of it or the entries expire.
    Pending(CommandError),
}

impl fmt::Display for InvalidateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending(error) => {
                write!(
                    f,
                    "the invalidation is not acknowledged yet and is retried: {error}"
                )
            }
        }
    }
}

impl Error for InvalidateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Pending(error) => Some(error),
        }
    }
}
