//! Which Redis answers.
//!
//! A server that was restarted from an older state, or a replica that took over, may not know of invalidations that
//! were acknowledged before. So another life of the server is answered with a flush, and until that is acknowledged
//! nothing that the server holds is served or waited for. A replica may not know of them either, now or ever, and is
//! not believed at all.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use tower_keep_core::connection::{Class, CommandError, ConnectionManager, Redis, Role};

#[derive(Debug)]
pub(super) struct Lives {
    redis: Option<Redis>,
    manager: ConnectionManager,
    /// That for which the server's life has been compared. All that a request pays as long as it lasts.
    seen: AtomicU64,
    known: Mutex<Known>,
}

/// How far this process knows that nothing was forgotten.
#[derive(Debug)]
struct Known {
    lives: u64,
    connections: u64,
}

/// The connection, and the life of the server, in which something was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Connection(u64);

impl Lives {
    /// `redis` is `None` in this process, which has but one life.
    pub(super) fn new(redis: Option<Redis>, manager: ConnectionManager) -> Self {
        let count = |count: fn(&Redis) -> u64| redis.as_ref().map_or(0, count);
        // What was there before this process, or is found at the first connection, is no business of it.
        let known = Known {
            lives: count(Redis::life).max(1),
            connections: count(Redis::generation).max(1),
        };
        Self {
            redis,
            manager,
            seen: AtomicU64::new(0),
            known: Mutex::new(known),
        }
    }

    /// The connection that a command will be sent on, if what the server holds can be believed.
    ///
    /// `another` is called if the server may have forgotten something: it must see to it that nothing is believed
    /// until the server has been told.
    pub(super) fn connection(&self, another: impl FnOnce()) -> Result<Connection, CommandError> {
        let Some(redis) = &self.redis else {
            return Ok(Connection(0));
        };
        let now = now(redis);
        if now.0 != self.seen.load(Ordering::Acquire) {
            self.compare(redis, now, another)?;
        }
        Ok(now)
    }

    /// Whether the answer has come on this connection; if not, it may be that of another life.
    pub(super) fn still(&self, connection: Connection) -> bool {
        self.redis
            .as_ref()
            .is_none_or(|redis| now(redis) == connection)
    }

    fn compare(
        &self,
        redis: &Redis,
        now: Connection,
        another: impl FnOnce(),
    ) -> Result<(), CommandError> {
        // The manager reads the server's identity before it lets anything through again.
        if !redis.is_up(Class::Read) {
            return Err(CommandError::Unavailable);
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if self.seen.load(Ordering::Acquire) == now.0 {
            return Ok(());
        }
        let (lives, connections) = (redis.life(), redis.generation());
        let same = match self.manager.incarnation() {
            Some(server) if server.role == Role::Replica => return Err(CommandError::ReadOnly),
            Some(_) => lives == known.lives,
            // A server that does not tell who it is may be another one every time.
            None => connections == known.connections,
        };
        *known = Known { lives, connections };
        if !same {
            another();
        }
        // Last: whoever sees this as known must also see what `another` did.
        self.seen.store(now.0, Ordering::Release);
        Ok(())
    }
}

/// Two counts that never go back: their sum stays the same if, and only if, both do.
fn now(redis: &Redis) -> Connection {
    Connection(redis.generation() + redis.life())
}
