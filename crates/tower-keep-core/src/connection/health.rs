use std::fmt;

use tokio::sync::watch;

use super::{error::CommandError, reply};

/// What an operation does to the data. A server that is out of memory or read-only fails writes and serves reads, so
/// health is kept for each.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "an operation either changes data or does not"
)]
pub enum Class {
    /// Changes nothing.
    Read,
    /// Changes something, or may.
    Write,
}

impl Class {
    pub(super) const ALL: [Self; 2] = [Self::Read, Self::Write];

    /// `read` or `write`, for metric labels and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Why a class of operations is down. `Display` is a sentence part for people.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// The first connection has not been made yet.
    Connecting,
    /// The connection was refused or lost; the operating system's or the server's words.
    Disconnected(Box<str>),
    /// The two ends do not trust each other, or do not speak TLS; why, in words.
    Tls(Box<str>),
    /// Operations are in flight and no reply has come for longer than the stall age.
    Stalled,
    /// Several operations in a row had no reply by their deadlines.
    Deadlines,
    /// The credentials were refused.
    Auth(Box<str>),
    /// The user lacks a right without which there is no connection; the server's words.
    Denied(Box<str>),
    /// The server is at `maxmemory`.
    OutOfMemory,
    /// The server takes no writes; its words.
    ReadOnly(Box<str>),
    /// The server is loading its data.
    Loading,
    /// The server is busy with a script.
    Busy,
    /// Another reply that says that the server cannot serve; its words.
    Reply(Box<str>),
    /// Of a cluster: these masters are away, each for its own cause. The keys of the others are served.
    Masters(Box<[MasterDown]>),
    /// The manager was closed.
    Closed,
}

/// A master of a cluster that is away.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct MasterDown {
    /// Its address, as a URL without credentials.
    pub master: Box<str>,
    /// Why.
    pub cause: Cause,
}

impl Cause {
    /// What an operation is told that is refused for this cause without having been sent.
    pub(super) fn refusal(&self) -> CommandError {
        match self {
            Self::Auth(_) => CommandError::Auth,
            Self::Denied(reply) => CommandError::Denied(reply.clone()),
            Self::OutOfMemory => CommandError::OutOfMemory,
            Self::ReadOnly(_) => CommandError::ReadOnly,
            Self::Loading => CommandError::Loading,
            Self::Busy => CommandError::Busy,
            Self::Closed => CommandError::Closed,
            Self::Masters(_) => CommandError::Cluster,
            Self::Reply(reply) => reply::classify(reply),
            _ => CommandError::Unavailable,
        }
    }

    /// A fixed word for metric labels.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Disconnected(_) => "disconnected",
            Self::Tls(_) => "tls",
            Self::Stalled => "stalled",
            Self::Deadlines => "deadlines",
            Self::Auth(_) => "auth",
            Self::Denied(_) => "denied",
            Self::OutOfMemory => "out_of_memory",
            Self::ReadOnly(_) => "read_only",
            Self::Loading => "loading",
            Self::Busy => "busy",
            Self::Reply(_) => "reply",
            Self::Masters(_) => "masters",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting => f.write_str("not connected yet"),
            Self::Disconnected(why) => write!(f, "disconnected ({why})"),
            Self::Tls(why) => write!(f, "no tls connection ({why})"),
            Self::Stalled => f.write_str("redis has stopped answering"),
            Self::Deadlines => f.write_str("redis misses deadlines"),
            Self::Auth(reply) => write!(f, "credentials refused ({reply})"),
            Self::Denied(reply) => write!(f, "a right is missing ({reply})"),
            Self::OutOfMemory => f.write_str("redis is out of memory"),
            Self::ReadOnly(reply) => write!(f, "redis takes no writes ({reply})"),
            Self::Loading => f.write_str("redis is loading its data"),
            Self::Busy => f.write_str("redis is busy with a script"),
            Self::Reply(reply) => write!(f, "redis cannot serve ({reply})"),
            Self::Masters(masters) => {
                for (index, MasterDown { master, cause }) in masters.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(f, "{comma}{master}: {cause}")?;
                }
                Ok(())
            }
            Self::Closed => f.write_str("closed"),
        }
    }
}

/// Whether one class of operations is served.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "up or down; what else there is to say is in the cause"
)]
pub enum ClassHealth {
    /// Operations are sent.
    Up,
    /// Operations are refused without being sent.
    Down {
        /// Why.
        cause: Cause,
    },
}

impl ClassHealth {
    /// Whether operations are sent.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Up)
    }

    /// Down for good.
    pub(super) fn is_closed(&self) -> bool {
        self.is_down_for(&Cause::Closed)
    }

    pub(super) fn is_down_for(&self, why: &Cause) -> bool {
        matches!(self, Self::Down { cause } if cause == why)
    }
}

impl fmt::Display for ClassHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up => f.write_str("up"),
            Self::Down { cause } => write!(f, "down: {cause}"),
        }
    }
}

/// The health of a manager's Redis, as its gate sees it. `Display` is for people and readiness endpoints.
///
/// A cluster is up when all its masters are; when some are away the cause is [`Cause::Masters`], and operations on the
/// others' keys are sent all the same.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs, reason = "one field for each class")]
pub struct Health {
    /// Operations that change nothing.
    pub read: ClassHealth,
    /// Operations that may change something.
    pub write: ClassHealth,
}

impl Health {
    pub(super) fn down(cause: &Cause) -> Self {
        let down = ClassHealth::Down {
            cause: cause.clone(),
        };
        Self {
            read: down.clone(),
            write: down,
        }
    }

    pub(super) const UP: Self = Self {
        read: ClassHealth::Up,
        write: ClassHealth::Up,
    };

    /// Whether every class is up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.read.is_up() && self.write.is_up()
    }

    /// One class.
    #[must_use]
    pub fn class(&self, class: Class) -> &ClassHealth {
        match class {
            Class::Read => &self.read,
            Class::Write => &self.write,
        }
    }

    pub(super) fn class_mut(&mut self, class: Class) -> &mut ClassHealth {
        match class {
            Class::Read => &mut self.read,
            Class::Write => &mut self.write,
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.read == self.write {
            write!(f, "{}", self.read)
        } else {
            write!(f, "reads {}; writes {}", self.read, self.write)
        }
    }
}

/// Waits for changes of a manager's health.
#[derive(Clone, Debug)]
pub struct HealthWatch(watch::Receiver<Health>);

impl HealthWatch {
    pub(super) fn new(receiver: watch::Receiver<Health>) -> Self {
        Self(receiver)
    }

    /// The health now; it then counts as seen.
    pub fn current(&mut self) -> Health {
        self.0.borrow_and_update().clone()
    }

    /// Waits until the health differs from what was last seen, and returns it. Changes that follow each other faster
    /// than they are awaited are seen as one. Never ends once the manager is gone.
    pub async fn changed(&mut self) -> Health {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.current()
    }
}
