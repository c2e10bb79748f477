//! Follows keys that move from one node of a cluster to another.
//!
//! A node that is asked for a key that it does not have says where the key is, and has not executed anything, so the
//! command may be sent again: `MOVED` when the whole slot has a new owner, `ASK` while the slot's keys move one by one.
//!
//! <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>

use std::sync::Arc;

use fred::types::Resp3Frame;
use tokio::time::Instant;

use super::{
    cluster::Cluster, command::Command, error::CommandError, pipeline::finish_all, redis::Redis,
    target::Node,
};

/// How often a key is gone after: once for a slot that has moved, once for a key that moves, and once more for what
/// happens in between.
const ROUNDS: u32 = 3;

type Answer = Result<Resp3Frame, CommandError>;

impl Redis {
    /// Sends a command to the master of its slot, and again where its key has gone.
    pub(super) async fn pursue(&self, cluster: &Arc<Cluster>, command: Command) -> Answer {
        let started = Instant::now();
        let flight = cluster.depart(self.deadline(), command.clone())?;
        let answer = flight.finish().await;
        self.follow(cluster, started, command, answer).await
    }

    /// The same for the commands of a pipeline.
    pub(super) async fn pursue_all(
        &self,
        cluster: &Arc<Cluster>,
        commands: Vec<Command>,
    ) -> Result<Vec<Answer>, CommandError> {
        let started = Instant::now();
        let flights = commands
            .iter()
            .map(|command| cluster.depart(self.deadline(), command.clone()));
        let flights: Result<Vec<_>, _> = flights.collect();
        let mut answers = Vec::with_capacity(commands.len());
        for (command, answer) in commands.into_iter().zip(finish_all(flights?).await) {
            answers.push(self.follow(cluster, started, command, answer).await);
        }
        Ok(answers)
    }

    async fn follow(
        &self,
        cluster: &Cluster,
        started: Instant,
        command: Command,
        mut answer: Answer,
    ) -> Answer {
        for _ in 0..ROUNDS {
            let Some(redirection) = answer.as_ref().err().and_then(Redirection::of) else {
                return answer.map_err(|error| cluster.outlived(error));
            };
            let left = self.deadline().saturating_sub(started.elapsed());
            if left.is_zero() {
                break;
            }
            let mut commands = vec![command.clone()];
            if redirection.asking {
                // It holds for the next command on the connection. If another one comes between, ours is sent on once
                // more.
                commands.insert(0, Command::read("ASKING").anywhere());
            } else {
                cluster.doubt_the_map();
            }
            answer = match cluster.depart_to(&redirection.node, left, commands)? {
                Some(flights) => finish_all(flights).await.pop().unwrap_or(answer),
                None => break,
            };
        }
        answer.map_err(|error| match Redirection::of(&error) {
            Some(_) => CommandError::Moving,
            None => cluster.outlived(error),
        })
    }
}

/// Where a node sends on who has asked it.
///
/// It travels as a [`CommandError::Other`] from where the reply is read to here, and no further.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Redirection {
    /// `ASK`: for this one command only, and with `ASKING` before it.
    pub(super) asking: bool,
    pub(super) node: Node,
}

impl Redirection {
    const MOVED: &str = "MOVED";
    const ASK: &str = "ASK";

    /// From `MOVED 3999 10.0.0.1:6381`. Without a host, the host is that of the node that said so.
    pub(super) fn read(reply: &str, said_by: &Node) -> Option<Self> {
        let mut words = reply.split(' ');
        let asking = match words.next()? {
            Self::MOVED => false,
            Self::ASK => true,
            _ => return None,
        };
        let (host, port) = words.nth(1)?.rsplit_once(':')?;
        Some(Self {
            asking,
            node: Node {
                host: match host {
                    "" => said_by.host.clone(),
                    host => host.to_owned(),
                },
                port: port.parse().ok()?,
            },
        })
    }

    pub(super) fn of(error: &CommandError) -> Option<Self> {
        let nowhere = Node {
            host: String::new(),
            port: 0,
        };
        match error {
            CommandError::Other(reply) => Self::read(reply, &nowhere),
            _ => None,
        }
    }
}

impl From<Redirection> for CommandError {
    fn from(Redirection { asking, node }: Redirection) -> Self {
        let word = match asking {
            true => Redirection::ASK,
            false => Redirection::MOVED,
        };
        Self::Other(format!("{word} - {}:{}", node.host, node.port).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reply: &str) -> Option<(bool, String, u16)> {
        let said_by = Node {
            host: "10.0.0.9".into(),
            port: 1,
        };
        let redirection = Redirection::read(reply, &said_by)?;
        let error = CommandError::from(Redirection::read(reply, &said_by)?);
        assert_eq!(Redirection::of(&error), Some(redirection));
        let Redirection { asking, node } = Redirection::of(&error)?;
        Some((asking, node.host, node.port))
    }

    #[test]
    fn the_one_that_was_asked_says_where_to_ask() {
        let moved = |host: &str| Some((false, host.to_owned(), 6381));
        assert_eq!(read("MOVED 3999 10.0.0.1:6381"), moved("10.0.0.1"));
        assert_eq!(read("MOVED 3999 two.example:6381"), moved("two.example"));
        assert_eq!(read("MOVED 3999 fd00::3:6381"), moved("fd00::3"));
        assert_eq!(read("MOVED 3999 :6381"), moved("10.0.0.9"));
        let ask = Some((true, "10.0.0.1".to_owned(), 6381));
        assert_eq!(read("ASK 3999 10.0.0.1:6381"), ask);
    }

    #[test]
    fn nothing_else_is_followed() {
        for reply in [
            "",
            "MOVED",
            "MOVED 3999",
            "MOVED 3999 10.0.0.1",
            "MOVED 3999 10.0.0.1:x",
            "ASKING 3999 10.0.0.1:6381",
            "ERR MOVED 3999 10.0.0.1:6381",
        ] {
            assert_eq!(read(reply), None, "{reply}");
        }
    }
}
