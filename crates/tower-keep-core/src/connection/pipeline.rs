use std::{future::poll_fn, task::Poll};

use bytes::Bytes;
use fred::types::Resp3Frame;

use super::{
    command::Command, error::CommandError, flight::Flight, health::Class, key::Key, redis::Redis,
    value::Value,
};

/// Commands that are sent together, without waiting for each other's replies.
///
/// It saves round trips and is not a transaction: each command succeeds or fails by itself, and others' commands may
/// be executed between them. What must happen at once belongs in a [`Script`](super::Script).
#[derive(Debug, Default)]
#[must_use = "nothing is sent before `Redis::pipeline`"]
pub struct Pipeline {
    commands: Vec<Command>,
}

impl Pipeline {
    /// No commands yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a command that changes nothing. The key says which node of a cluster it goes to.
    pub fn read(self, name: &'static str, key: Key, args: Vec<Bytes>) -> Self {
        self.command(Class::Read, name, key, args)
    }

    /// Adds a command that may change something.
    pub fn write(self, name: &'static str, key: Key, args: Vec<Bytes>) -> Self {
        self.command(Class::Write, name, key, args)
    }

    /// How many commands there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    fn command(mut self, class: Class, name: &'static str, key: Key, args: Vec<Bytes>) -> Self {
        self.commands
            .push(Command::new(class, name).key(key).args(args));
        self
    }
}

impl Redis {
    /// Sends all commands of a pipeline and returns their results in order.
    ///
    /// Each takes a place in flight and has its own deadline; the client library's own pipelines would leave timed
    /// out commands in its queue, to be executed later.
    ///
    /// # Errors
    /// If there are not enough places in flight, or the gate refuses one of the commands: then nothing was sent.
    pub async fn pipeline(
        &self,
        pipeline: Pipeline,
    ) -> Result<Vec<Result<Value, CommandError>>, CommandError> {
        let replies = self.replies(pipeline.commands).await?;
        let values = replies.into_iter();
        Ok(values
            .map(|reply| reply.and_then(Value::from_reply))
            .collect())
    }
}

/// Sends them in order, without waiting in between.
pub(super) async fn finish_all(flights: Vec<Flight>) -> Vec<Result<Resp3Frame, CommandError>> {
    let mut running: Vec<_> = flights
        .into_iter()
        .map(|flight| Some(Box::pin(flight.finish())))
        .collect();
    let mut results: Vec<_> = running.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut pending = false;
        for (flight, result) in running.iter_mut().zip(&mut results) {
            let Some(future) = flight else { continue };
            match future.as_mut().poll(context) {
                Poll::Ready(answer) => {
                    *result = Some(answer);
                    *flight = None;
                }
                Poll::Pending => pending = true,
            }
        }
        if pending {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    results.into_iter().flatten().collect()
}
