use std::time::Duration;

use bytes::Bytes;
use fred::types::Resp3Frame;

use super::{command::Command, error::CommandError, key::Key, redis::Redis, value::Value};

/// When [`Redis::set`] writes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "the conditions that SET knows")]
pub enum Condition {
    /// In any case.
    #[default]
    Always,
    /// Only if the key does not exist (`NX`).
    IfAbsent,
    /// Only if the key exists (`XX`).
    IfPresent,
}

/// How [`Redis::set`] writes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "meant to be written as a literal"
)]
pub struct SetOptions {
    /// How long the key lives, to the millisecond. `None`: for ever.
    pub expiry: Option<Duration>,
    /// Whether to write at all.
    pub condition: Condition,
}

/// How long a key has to live.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "the answers that PTTL knows")]
pub enum Ttl {
    /// There is no such key.
    Missing,
    /// It lives for ever.
    Forever,
    /// It ends after this time, to the millisecond.
    Remaining(Duration),
}

/// Strings, and keys of any kind. Each method is the Redis command of its name; `# Errors` are those of every
/// operation ([`CommandError`]).
#[allow(clippy::missing_errors_doc, reason = "said once for all of them")]
impl Redis {
    /// `GET`.
    pub async fn get(&self, key: Key) -> Result<Option<Bytes>, CommandError> {
        Value::bytes_of(self.reply(Command::read("GET").key(key)).await?)
    }

    /// `MGET`: the values in the order of the keys. In a cluster all keys must share a hash slot.
    pub async fn mget(&self, keys: Vec<Key>) -> Result<Vec<Option<Bytes>>, CommandError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let values = match self.reply(Command::read("MGET").keys(keys)).await? {
            Resp3Frame::Array { data, .. } => data,
            other => return Err(Value::from_reply(other)?.unexpected("an array")),
        };
        // Not collected: that would reuse the frames' buffer, which is three times as large, and then shrink it.
        let mut bytes = Vec::with_capacity(values.len());
        for value in values {
            bytes.push(Value::bytes_of(value)?);
        }
        Ok(bytes)
    }

    /// `SET`. Returns whether the condition held and the value was written.
    pub async fn set(
        &self,
        key: Key,
        value: Bytes,
        options: SetOptions,
    ) -> Result<bool, CommandError> {
        let mut command = Command::write("SET").key(key).arg(value);
        if let Some(expiry) = options.expiry {
            command = command.arg("PX").number(millis(expiry));
        }
        command = match options.condition {
            Condition::Always => command,
            Condition::IfAbsent => command.arg("NX"),
            Condition::IfPresent => command.arg("XX"),
        };
        Ok(self.send(command).await? != Value::Nil)
    }

    /// `DEL`: how many of the keys existed.
    pub async fn del(&self, keys: Vec<Key>) -> Result<u64, CommandError> {
        if keys.is_empty() {
            return Ok(0);
        }
        self.send(Command::write("DEL").keys(keys))
            .await?
            .into_count()
    }

    /// `EXISTS`.
    pub async fn exists(&self, key: Key) -> Result<bool, CommandError> {
        Ok(self
            .send(Command::read("EXISTS").key(key))
            .await?
            .into_count()?
            > 0)
    }

    /// `GETDEL`: reads and deletes in one step.
    pub async fn getdel(&self, key: Key) -> Result<Option<Bytes>, CommandError> {
        self.send(Command::write("GETDEL").key(key))
            .await?
            .into_bytes()
    }

    /// `INCRBY`: the value after it.
    pub async fn incr_by(&self, key: Key, amount: i64) -> Result<i64, CommandError> {
        self.send(Command::write("INCRBY").key(key).number(amount))
            .await?
            .into_integer()
    }

    /// `PEXPIRE`: whether the key exists. At least one millisecond: zero would delete the key.
    pub async fn expire(&self, key: Key, after: Duration) -> Result<bool, CommandError> {
        Ok(self
            .send(Command::write("PEXPIRE").key(key).number(millis(after)))
            .await?
            .into_count()?
            > 0)
    }

    /// `PTTL`.
    pub async fn ttl(&self, key: Key) -> Result<Ttl, CommandError> {
        Ok(
            match self
                .send(Command::read("PTTL").key(key))
                .await?
                .into_integer()?
            {
                -2 => Ttl::Missing,
                millis => match u64::try_from(millis) {
                    Ok(millis) => Ttl::Remaining(Duration::from_millis(millis)),
                    Err(_) => Ttl::Forever,
                },
            },
        )
    }
}

/// Redis refuses zero in `PX` and takes it as a deletion in `PEXPIRE`.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis())
        .unwrap_or(i64::MAX)
        .max(1)
}
