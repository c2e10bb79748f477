use std::{error::Error, fmt, time::Duration};

use super::{health::Cause, outcome::Outcome};

/// Why a URL or a builder's settings were refused.
///
/// No variant carries a password: what is shown is the name of the setting, and its value only where that cannot be
/// a secret.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OpenError {
    /// The text has no `scheme:` at its start, or an unknown one.
    Scheme(String),
    /// The part between `//` and the path could not be read.
    Address(&'static str),
    /// The database number in the path is not one.
    Database(String),
    /// A query key that is not a setting.
    UnknownOption(String),
    /// A setting whose value could not be read.
    InvalidOption {
        /// The setting's name as written in a URL.
        name: &'static str,
        /// What was given.
        value: String,
        /// What would have been right.
        expected: &'static str,
    },
    /// A setting that this kind of server needs and that is missing.
    MissingOption(&'static str),
    /// The scheme needs a Cargo feature that is not on.
    MissingFeature {
        /// The URL's scheme.
        scheme: String,
        /// The feature of the `tower-keep` crate, and of `tower-keep-core`.
        feature: &'static str,
    },
    /// A certificate or a key that cannot be used, or for a URL whose scheme has no TLS.
    Tls {
        /// The setting's name as written in a URL: `ca`, `cert` or `key`.
        setting: &'static str,
        /// Why not. Nothing of a key is in it, nor the name of its file.
        why: String,
    },
    /// `open` was called outside a tokio runtime, where nothing can connect in the background.
    NoRuntime,
    /// The client library refused the settings.
    Client(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme(scheme) => write!(
                f,
                "unknown scheme `{scheme}`: use redis, rediss, redis+unix, redis-cluster, redis-sentinel (or the same \
                 with valkey), or memory"
            ),
            Self::Address(why) => write!(f, "bad address: {why}"),
            Self::Database(path) => write!(f, "bad database `{path}`: use a number from 0 to 255"),
            Self::UnknownOption(name) => write!(f, "unknown setting `{name}`"),
            Self::InvalidOption {
                name,
                value,
                expected,
            } => {
                write!(
                    f,
                    "bad value `{value}` for setting `{name}`: use {expected}"
                )
            }
            Self::MissingOption(name) => write!(f, "missing setting `{name}`"),
            Self::MissingFeature { scheme, feature } => {
                write!(
                    f,
                    "`{scheme}` needs the cargo feature `{feature}` of tower-keep"
                )
            }
            Self::Tls { setting, why } => write!(f, "bad tls setting `{setting}`: {why}"),
            Self::NoRuntime => {
                f.write_str("a connection can be opened only inside a tokio runtime")
            }
            Self::Client(why) => write!(f, "the redis client refused the settings: {why}"),
        }
    }
}

impl Error for OpenError {}

/// Why [`ConnectionManager::connected`](super::ConnectionManager::connected) gave up.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConnectError {
    /// Redis did not become usable in the time given.
    TimedOut {
        /// How long was waited.
        after: Duration,
        /// What was wrong last.
        cause: Cause,
    },
    /// The manager was closed.
    Closed,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut { after, cause } => {
                write!(f, "redis is not usable after {after:?}: {cause}")
            }
            Self::Closed => f.write_str("the connection manager is closed"),
        }
    }
}

impl Error for ConnectError {}

/// Why an operation has no answer, by class.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CommandError {
    /// No reply by the operation's deadline. It may have been executed.
    Deadline,
    /// Redis is known to be away; nothing was sent.
    Unavailable,
    /// The connection was lost, or found dead, after the operation was sent. It may have been executed.
    Interrupted,
    /// Too many operations are in flight; nothing was sent.
    Overloaded,
    /// The request has no time left for Redis, by its [`RedisBudget`](crate::RedisBudget); nothing was sent.
    BudgetSpent,
    /// `OOM`: the server is at `maxmemory` and takes no writes.
    OutOfMemory,
    /// `READONLY`, `NOREPLICAS`, `MISCONF`: the server takes no writes.
    ReadOnly,
    /// `LOADING`, `MASTERDOWN`: the server has no data to answer from yet.
    Loading,
    /// `BUSY`: a script runs for too long.
    Busy,
    /// `NOAUTH`, `WRONGPASS`: the credentials were refused.
    Auth,
    /// `NOPERM`: the user's access control list lacks a right; the server's words. Nothing else is wrong with the server
    /// or the connection.
    Denied(Box<str>),
    /// `WRONGTYPE`: the key holds another kind of value.
    WrongType,
    /// `CLUSTERDOWN`, `CROSSSLOT` and other complaints of a cluster.
    Cluster,
    /// In a cluster, the key is moving from one node to another and could not be caught at either. It was not executed.
    Moving,
    /// The manager was closed; nothing was sent.
    Closed,
    /// Any other error reply, as the server wrote it, or a reply of an unexpected shape.
    Other(Box<str>),
}

impl CommandError {
    /// The class as a fixed word, for metric labels and logs.
    #[must_use]
    pub fn class(&self) -> &'static str {
        Outcome::from(self).name()
    }

    /// Whether the server may have executed the operation although there is no answer.
    ///
    /// A caller for whom a second execution is not harmless must not simply try again then.
    #[must_use]
    pub fn may_have_run(&self) -> bool {
        matches!(self, Self::Deadline | Self::Interrupted)
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deadline => "no reply from redis by the deadline",
            Self::Unavailable => "redis is not available",
            Self::Interrupted => "redis became unavailable before it replied",
            Self::Overloaded => "too many redis operations in flight",
            Self::BudgetSpent => "the request has no time left for redis",
            Self::OutOfMemory => "redis is out of memory",
            Self::ReadOnly => "redis takes no writes",
            Self::Loading => "redis is loading its data",
            Self::Busy => "redis is busy with a script",
            Self::Auth => "redis refused the credentials",
            Self::Denied(why) => return write!(f, "redis denied a right: {why}"),
            Self::WrongType => "the redis key holds another kind of value",
            Self::Cluster => "the redis cluster refused the operation",
            Self::Moving => "the key is moving between nodes of the redis cluster",
            Self::Closed => "the connection manager is closed",
            Self::Other(why) => return write!(f, "unexpected redis reply: {why}"),
        })
    }
}

impl Error for CommandError {}
