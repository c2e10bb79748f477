use bytes::Bytes;

use super::{command::Command, error::CommandError, key::Key, redis::Redis, value::Value};

/// Hashes. Each method is the Redis command of its name; `# Errors` are those of every operation
/// ([`CommandError`]).
#[allow(clippy::missing_errors_doc, reason = "said once for all of them")]
impl Redis {
    /// `HGET`.
    pub async fn hget(&self, key: Key, field: Bytes) -> Result<Option<Bytes>, CommandError> {
        self.send(Command::read("HGET").key(key).arg(field))
            .await?
            .into_bytes()
    }

    /// `HSET`: how many of the fields are new.
    pub async fn hset(&self, key: Key, fields: Vec<(Bytes, Bytes)>) -> Result<u64, CommandError> {
        if fields.is_empty() {
            return Ok(0);
        }
        let fields = fields
            .into_iter()
            .flat_map(|(field, value)| [field, value])
            .collect();
        self.send(Command::write("HSET").key(key).args(fields))
            .await?
            .into_count()
    }

    /// `HGETALL`: the fields and their values; none if the key does not exist.
    pub async fn hgetall(&self, key: Key) -> Result<Vec<(Bytes, Bytes)>, CommandError> {
        let mut parts = self
            .send(Command::read("HGETALL").key(key))
            .await?
            .into_array()?
            .into_iter();
        let mut fields = Vec::with_capacity(parts.len() / 2);
        while let (Some(field), Some(value)) = (parts.next(), parts.next()) {
            match (field, value) {
                (Value::Bytes(field), Value::Bytes(value)) => fields.push((field, value)),
                _ => {
                    return Err(CommandError::Other(
                        "a hash of something else than byte strings".into(),
                    ));
                }
            }
        }
        Ok(fields)
    }

    /// `HDEL`: how many of the fields existed.
    pub async fn hdel(&self, key: Key, fields: Vec<Bytes>) -> Result<u64, CommandError> {
        if fields.is_empty() {
            return Ok(0);
        }
        self.send(Command::write("HDEL").key(key).args(fields))
            .await?
            .into_count()
    }

    /// `HINCRBY`: the value after it.
    pub async fn hincr_by(&self, key: Key, field: Bytes, amount: i64) -> Result<i64, CommandError> {
        self.send(Command::write("HINCRBY").key(key).arg(field).number(amount))
            .await?
            .into_integer()
    }
}
