//! Which Redis answers.
//!
//! A server that was restarted from an older state, or a replica that took over, may not know of invalidations that
//! were acknowledged before. So another life of the server is answered with a flush, and until that is acknowledged
//! nothing that the server holds is served or waited for.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use tower_keep_core::connection::{Class, CommandError, ConnectionManager, Incarnation, Redis};

#[derive(Debug)]
pub(super) struct Lives {
    redis: Option<Redis>,
    manager: ConnectionManager,
    /// The connection for which the server's life has been compared. All that a request pays as long as it lasts.
    seen: AtomicU64,
    known: Mutex<Option<Incarnation>>,
}

/// The connection on which something was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Connection(u64);

impl Lives {
    /// `redis` is `None` in this process, which has but one life.
    pub(super) fn new(redis: Option<Redis>, manager: ConnectionManager) -> Self {
        let lives = Self {
            redis,
            manager,
            seen: AtomicU64::new(0),
            known: Mutex::new(None),
        };
        // What was there before the first connection is no business of this process.
        let _ = lives.connection(|| {});
        lives
    }

    /// The connection that a command will be sent on, if what the server holds can be believed.
    ///
    /// `another` is called if the server may have forgotten something: it must see to it that nothing is believed
    /// until the server has been told.
    pub(super) fn connection(&self, another: impl FnOnce()) -> Result<Connection, CommandError> {
        let Some(redis) = &self.redis else {
            return Ok(Connection(0));
        };
        let connection = redis.generation();
        if connection != self.seen.load(Ordering::Acquire) {
            // The manager reads the server's identity before it lets anything through again.
            if !redis.is_up(Class::Read) {
                return Err(CommandError::Unavailable);
            }
            self.compare(connection, another);
        }
        Ok(Connection(connection))
    }

    /// Whether the answer has come on this connection; if not, it may be that of another life.
    pub(super) fn still(&self, connection: Connection) -> bool {
        self.redis
            .as_ref()
            .is_none_or(|redis| redis.generation() == connection.0)
    }

    fn compare(&self, connection: u64, another: impl FnOnce()) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if self.seen.load(Ordering::Acquire) == connection {
            return;
        }
        let first = self.seen.load(Ordering::Acquire) == 0;
        let now = self.manager.incarnation();
        // A server that does not tell who it is may be another one every time.
        let same = now.is_some() && *known == now;
        *known = now;
        if !first && !same {
            another();
        }
        // Last: whoever sees this connection as known must also see what `another` did.
        self.seen.store(connection, Ordering::Release);
    }
}
