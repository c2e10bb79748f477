use std::{fmt, future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use fred::{
    clients::{Client, WithOptions},
    types::Resp3Frame,
};
use tokio::time::Instant;

use crate::RedisBudget;

use super::{
    cluster::Cluster, command::Command, core::Core, error::CommandError, health::Class, key::Key,
    manager::Owner, memory::Memory, pipeline::finish_all, reply, script::Script, servers::Servers,
    value::Value,
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
    line: Line,
    deadline: Duration,
}

/// Which way the operations take.
#[derive(Clone)]
enum Line {
    Server {
        core: Arc<Core>,
        client: Arc<WithOptions<Client>>,
    },
    Cluster(Arc<Cluster>),
}

impl Redis {
    pub(super) fn new(owner: Arc<Owner>, deadline: Duration) -> Self {
        let line = match &owner.servers {
            Servers::One(core) => Line::Server {
                client: core.client_with(deadline),
                core: Arc::clone(core),
            },
            Servers::Cluster(cluster) => Line::Cluster(Arc::clone(cluster)),
        };
        Self {
            owner,
            line,
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
        matches!(self.line, Line::Cluster(_))
    }

    /// Whether operations of this class would be sent now; in a cluster, those on some of the keys at least. One atomic
    /// load for each master.
    #[must_use]
    pub fn is_up(&self, class: Class) -> bool {
        match &self.line {
            Line::Server { core, .. } => core.gate(class).is_up(),
            Line::Cluster(cluster) => cluster.masters.borrow().is_up(class),
        }
    }

    /// How many connections have been made so far. Between two equal readings there was no reconnect.
    ///
    /// In a cluster those to all masters are counted together; the first ones to the masters that it began with count
    /// as one.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.owner.servers.counts().connections()
    }

    /// How many incarnations of the server have been seen so far: it moves when another server answers, or the same
    /// after a restart, or with another role, and it moves *before* operations are let through to it. One atomic
    /// load.
    ///
    /// In a cluster the masters are counted together: it moves when one of them restarts, is succeeded or joins. Those
    /// that it began with count as one.
    ///
    /// A handle that keeps truth in Redis remembers the number for which it has made sure that nothing was lost, and
    /// makes sure again before it trusts Redis at another number.
    #[must_use]
    pub fn life(&self) -> u64 {
        self.owner.servers.counts().lives()
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
            fence: self.fence(script, keys.first())?,
            keys,
            args,
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
    fn fence(&self, script: &Script, key: Option<&Key>) -> Result<Option<Bytes>, CommandError> {
        if !script.fenced {
            return Ok(None);
        }
        let left = RedisBudget::current().map(|budget| budget.remaining());
        let deadline = self.deadline.min(left.unwrap_or(self.deadline));
        let fence = match &self.line {
            Line::Server { core, .. } => core.fence(deadline),
            Line::Cluster(cluster) => cluster.fence(key, deadline),
        };
        Ok(Some(Bytes::from(fence?.to_string())))
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
            .min(self.owner.servers.limits().stall_age() / 2)
            .min(self.deadline / 2);
        // Zero would mean "wait for ever" to Redis.
        let millis = i64::try_from(timeout.as_millis())
            .unwrap_or(i64::MAX)
            .max(1);
        let wait = Command::read("WAIT")
            .anywhere()
            .number(i64::from(replicas))
            .number(millis);
        let flights = match &self.line {
            Line::Server { core, client } => vec![core.depart(client, self.deadline, wait)?],
            Line::Cluster(cluster) => cluster.depart_to_all(self.deadline, &wait)?,
        };
        let mut fewest = u32::MAX;
        for answer in finish_all(flights).await {
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
            match &self.line {
                Line::Server { core, client } => {
                    let flight = core.depart(client, self.deadline, command)?;
                    flight.finish().await
                }
                // Boxed, so that where no key moves nobody carries the room for it.
                Line::Cluster(cluster) => Box::pin(self.pursue(cluster, command)).await,
            }
        }
    }

    /// Several at once, in order.
    pub(super) async fn replies(
        &self,
        commands: Vec<Command>,
    ) -> Result<Vec<Result<Resp3Frame, CommandError>>, CommandError> {
        match &self.line {
            Line::Server { core, client } => {
                let commands = commands.into_iter();
                let flights = commands.map(|command| core.depart(client, self.deadline, command));
                let flights: Result<Vec<_>, _> = flights.collect();
                Ok(finish_all(flights?).await)
            }
            Line::Cluster(cluster) => self.pursue_all(cluster, commands).await,
        }
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("server", &self.owner.servers.shown())
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
        let tail = [self.args.as_slice(), self.fence.as_slice()];
        Command::script(self.script.class, name, script, &self.keys, &tail)
    }
}
