use std::{
    fmt,
    future::Future,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use fred::{
    clients::{Client, WithOptions},
    types::Resp3Frame,
};
use tokio::time::Instant;

use crate::RedisBudget;

use super::{
    command::Command, core::Core, error::CommandError, flight::Flight, health::Class, key::Key,
    manager::Owner, memory::Memory, pipeline::finish_all, reply, script::Script, value::Value,
};

/// What a handle works on.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_enums, reason = "a layer must serve both")]
pub enum Backend {
    /// A Redis server.
    Redis(Redis),
    /// Stores in this process.
    Memory(Memory),
}

/// Operations on Redis with one handle's deadline. Cheap to clone.
///
/// Every operation ends by the deadline, is sent at most once, and may be dropped at any time. What its errors mean
/// is said at [`CommandError`]; an operation that fails to say whether it was executed answers `true` to
/// [`CommandError::may_have_run`].
#[derive(Clone)]
pub struct Redis {
    owner: Arc<Owner>,
    client: WithOptions<Client>,
    deadline: Duration,
}

impl Redis {
    pub(super) fn new(owner: Arc<Owner>, deadline: Duration) -> Self {
        let client = owner.core.client_with(deadline);
        Self {
            owner,
            client,
            deadline,
        }
    }

    /// The deadline of each operation.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The same with a shorter deadline, for a request that has only so much time left. Never a longer one.
    #[must_use]
    pub fn within(&self, time: Duration) -> Self {
        // Zero would mean "no deadline" to the client library.
        Self::new(
            Arc::clone(&self.owner),
            time.min(self.deadline).max(Duration::from_millis(1)),
        )
    }

    /// Whether it is a cluster, where the keys of one operation must share a hash slot.
    #[must_use]
    pub fn is_cluster(&self) -> bool {
        self.core().is_cluster
    }

    /// Whether operations of this class would be sent now. One atomic load.
    #[must_use]
    pub fn is_up(&self, class: Class) -> bool {
        self.core().gate(class).is_up()
    }

    /// How many connections have been made so far. Between two equal readings there was no reconnect.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.core().generation.load(Ordering::Acquire)
    }

    /// How many incarnations of the server have been seen so far: it moves when another server answers, or the same
    /// after a restart, or with another role, and it moves *before* operations are let through to it. One atomic
    /// load.
    ///
    /// A handle that keeps truth in Redis remembers the number for which it has made sure that nothing was lost, and
    /// makes sure again before it trusts Redis at another number.
    #[must_use]
    pub fn life(&self) -> u64 {
        self.core().lives.load(Ordering::Acquire)
    }

    /// Runs a script.
    ///
    /// # Errors
    /// As every operation; an error that the script raises by itself is [`CommandError::Other`] or, if it begins with
    /// a word that Redis uses, its class.
    pub async fn script(
        &self,
        script: &Script,
        keys: Vec<Key>,
        args: Vec<Bytes>,
    ) -> Result<Value, CommandError> {
        let started = Instant::now();
        let call = ScriptCall {
            script,
            keys,
            args,
            fence: self.fence(script)?,
        };
        match self.send(call.by_sha()).await {
            Err(error) if reply::is_missing_script(&error) => {
                let left = self.deadline.saturating_sub(started.elapsed());
                if left.is_zero() {
                    return Err(CommandError::Deadline);
                }
                self.within(left).send(call.in_full()).await
            }
            answer => answer,
        }
    }

    /// The deadline as the script's last argument, by the server's clock.
    fn fence(&self, script: &Script) -> Result<Option<Bytes>, CommandError> {
        if !script.fenced {
            return Ok(None);
        }
        let left = RedisBudget::current().map(|budget| budget.remaining());
        let deadline = self
            .core()
            .server_time(self.deadline.min(left.unwrap_or(self.deadline)))
            .ok_or_else(|| self.core().denials.ignorance())?;
        Ok(Some(Bytes::from(deadline.to_string())))
    }

    /// Asks how many replicas have confirmed everything that this manager wrote before (`WAIT`).
    ///
    /// Redis replicates asynchronously: a write that was answered can still be lost with its server. Ask where that
    /// would matter (a logout, a redeemed token, an invalidation).
    ///
    /// In a cluster every master is asked, and the smallest count is the answer.
    ///
    /// Everything else on the connection waits behind it, so it waits for at most half of the stall age, whatever
    /// `timeout` says, and the count may then be less than `replicas`.
    ///
    /// # Errors
    /// As every operation.
    pub async fn acknowledged_by(
        &self,
        replicas: u32,
        timeout: Duration,
    ) -> Result<u32, CommandError> {
        let timeout = timeout
            .min(self.core().limits.stall_age() / 2)
            .min(self.deadline / 2);
        // Zero would mean "wait for ever" to Redis.
        let millis = i64::try_from(timeout.as_millis())
            .unwrap_or(i64::MAX)
            .max(1);
        let flights: Result<Vec<_>, _> = self
            .core()
            .shards
            .keys()
            .iter()
            .map(|key| {
                let wait = Command::read("WAIT").beside(Some(key));
                self.depart(wait.number(i64::from(replicas)).number(millis))
            })
            .collect();
        let mut fewest = u32::MAX;
        for answer in finish_all(flights?).await {
            let count =
                u32::try_from(Value::from_reply(answer?)?.into_count()?).unwrap_or(u32::MAX);
            fewest = fewest.min(count);
        }
        Ok(fewest)
    }

    /// Asks the server for a sign of life.
    ///
    /// # Errors
    /// As every operation.
    pub async fn ping(&self) -> Result<(), CommandError> {
        self.send(Command::read("PING").anywhere()).await.map(drop)
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.owner.core
    }

    pub(super) fn depart(&self, command: Command) -> Result<Flight, CommandError> {
        match RedisBudget::current() {
            None => self.core().depart(&self.client, self.deadline, command),
            Some(budget) => self.depart_on(budget, command),
        }
    }

    /// On the time that is left to a request.
    fn depart_on(&self, budget: RedisBudget, command: Command) -> Result<Flight, CommandError> {
        let Some(waiting) = budget.wait() else {
            return Err(self.core().refuse(command.class, CommandError::BudgetSpent));
        };
        let hurried = waiting.left() < self.deadline;
        let this = match hurried {
            true => &self.within(waiting.left()),
            false => self,
        };
        let flight = self.core().depart(&this.client, this.deadline, command)?;
        Ok(flight.charged(waiting, hurried))
    }

    pub(super) async fn send(&self, command: Command) -> Result<Value, CommandError> {
        Value::from_reply(self.reply(command).await?)
    }

    /// For the replies that are read so often that no [`Value`] is made of them.
    #[allow(
        clippy::manual_async_fn,
        reason = "it would have room for the command twice"
    )]
    pub(super) fn reply(
        &self,
        command: Command,
    ) -> impl Future<Output = Result<Resp3Frame, CommandError>> + Send {
        async move {
            if self.is_cluster() {
                // Boxed, so that where no key moves nobody carries the room for it.
                return Box::pin(self.pursue(command)).await;
            }
            self.depart(command)?.finish().await
        }
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("server", &self.core().server)
            .field("deadline", &self.deadline)
            .finish()
    }
}

/// A script with its arguments, sent in one of two forms.
struct ScriptCall<'a> {
    script: &'a Script,
    keys: Vec<Key>,
    args: Vec<Bytes>,
    fence: Option<Bytes>,
}

impl ScriptCall<'_> {
    fn by_sha(&self) -> Command {
        self.command("EVALSHA", self.script.sha.clone())
    }

    fn in_full(&self) -> Command {
        self.command("EVAL", self.script.source.clone())
    }

    fn command(&self, name: &'static str, script: Bytes) -> Command {
        let keys = i64::try_from(self.keys.len()).unwrap_or(i64::MAX);
        Command::new(self.script.class, name)
            .beside(self.keys.first())
            .arg(script)
            .number(keys)
            .keys(self.keys.clone())
            .args(self.args.clone())
            .args(self.fence.clone().into_iter().collect())
    }
}
