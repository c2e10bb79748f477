//! Follows keys that move from one node of a cluster to another.
//!
//! A node that is asked for a key that it does not have says where the key is, and has not executed anything, so the
//! command may be sent again: `MOVED` when the whole slot has a new owner, `ASK` while the slot's keys move one by one.
//! The client library reads the cluster's map anew after a `MOVED`. With an `ASK` it must not be trusted: it sends
//! `ASKING` on a connection on which others wait for replies, takes the next one for its own, so that every caller
//! after it gets the reply of another, and then asks the old owner again. So it follows nothing and only says that there
//! was something to follow.
//!
//! <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>

use fred::{
    interfaces::ClusterInterface,
    types::{Resp3Frame, config::Server},
};
use tokio::time::Instant;

use super::{
    command::Command, error::CommandError, pipeline::finish_all, redis::Redis, value::Value,
};

/// How often a key is gone after: once for a slot that has moved, once for a key that moves, and once more for what
/// happens in between.
const ROUNDS: u32 = 3;

impl Redis {
    /// Sends a command, and again where its key has gone.
    pub(super) async fn pursue(&self, command: Command) -> Result<Resp3Frame, CommandError> {
        let started = Instant::now();
        let answer = self.depart(command.clone())?.finish().await;
        self.follow(started, command, answer).await
    }

    /// The same for the commands of a pipeline.
    pub(super) async fn pursue_all(
        &self,
        commands: Vec<Command>,
    ) -> Result<Vec<Result<Resp3Frame, CommandError>>, CommandError> {
        let started = Instant::now();
        let flights: Result<Vec<_>, _> = commands
            .iter()
            .map(|command| self.depart(command.clone()))
            .collect();
        let mut answers = finish_all(flights?).await;
        for (command, answer) in commands.into_iter().zip(&mut answers) {
            if is_moving(answer) {
                *answer = self
                    .follow(started, command, Err(CommandError::Moving))
                    .await;
            }
        }
        Ok(answers)
    }

    async fn follow(
        &self,
        started: Instant,
        command: Command,
        mut answer: Result<Resp3Frame, CommandError>,
    ) -> Result<Resp3Frame, CommandError> {
        for _ in 0..ROUNDS {
            let left = self.deadline().saturating_sub(started.elapsed());
            if !is_moving(&answer) || left.is_zero() {
                return answer;
            }
            let hurried = self.within(left);
            answer = hurried.depart(command.clone())?.finish().await;
            if is_moving(&answer) {
                if let Some(node) = hurried.importer(&command).await? {
                    answer = hurried.ask(node, command.clone()).await;
                }
            }
        }
        answer
    }

    /// The node that the command's slot is moving to, if its owner says that it moves and there is a connection.
    async fn importer(&self, command: &Command) -> Result<Option<Server>, CommandError> {
        let Some(slot) = command.slot() else {
            return Ok(None);
        };
        let nodes = Command::read("CLUSTER").at(slot).arg("NODES");
        let nodes = self.depart(nodes)?.finish().await?;
        let Some(nodes) = Value::bytes_of(nodes)? else {
            return Ok(None);
        };
        let nodes = String::from_utf8_lossy(&nodes);
        let known = self.core().client.cached_cluster_state();
        Ok(importer(&nodes, slot).and_then(|target| {
            let mut masters = known?.unique_primary_nodes().into_iter();
            masters.find(|server| target.is(&server.host, server.port))
        }))
    }

    /// Sends a command to a node that does not own its slot yet.
    async fn ask(&self, node: Server, command: Command) -> Result<Resp3Frame, CommandError> {
        let client = self.core().client_at(node, self.deadline());
        // It holds for the next command on the connection. If another one comes between, ours is sent on once more.
        let asking = Command::read("ASKING").anywhere();
        let flights = [asking, command]
            .into_iter()
            .map(|command| self.core().depart(&client, self.deadline(), command));
        let flights: Result<Vec<_>, _> = flights.collect();
        let answers = finish_all(flights?).await;
        answers
            .into_iter()
            .last()
            .unwrap_or(Err(CommandError::Moving))
    }
}

fn is_moving(answer: &Result<Resp3Frame, CommandError>) -> bool {
    matches!(answer, Err(CommandError::Moving))
}

/// A node's address in `CLUSTER NODES`: `ip:port@bus`, or `ip:port@bus,hostname`.
#[derive(Debug, PartialEq)]
struct Target<'a> {
    ip: &'a str,
    port: u16,
    hostname: &'a str,
}

impl<'a> Target<'a> {
    fn read(address: &'a str) -> Option<Self> {
        let (place, rest) = address.split_once('@')?;
        let (ip, port) = place.rsplit_once(':')?;
        let hostname = rest.split(',').nth(1).unwrap_or_default();
        let port = port.parse().ok()?;
        Some(Self { ip, port, hostname })
    }

    fn is(&self, host: &str, port: u16) -> bool {
        self.port == port && [self.ip, self.hostname].contains(&host)
    }
}

/// Where the node that was asked is moving a slot to.
fn importer(nodes: &str, slot: u16) -> Option<Target<'_>> {
    let mark = format!("[{slot}->-");
    let mut lines = nodes.lines();
    let id = lines.find_map(|line| {
        let mut fields = line.split(' ');
        fields.nth(2).filter(|flags| flags.contains("myself"))?;
        fields.find_map(|field| field.strip_prefix(&mark)?.strip_suffix(']'))
    })?;
    nodes.lines().find_map(|line| {
        let mut fields = line.split(' ');
        fields.next().filter(|node| *node == id)?;
        Target::read(fields.next()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "\
a1 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-5460 [93->-b2] [77-<-c3]
b2 10.0.0.2:6380@16380,two.example master - 0 1 2 connected 5461-10922
c3 fd00::3:6379@16379 master - 0 1 3 connected 10923-16383 [12->-a1]
";

    #[test]
    fn the_owner_says_where_a_slot_is_moving_to() {
        let target = importer(NODES, 93).unwrap();
        assert!(target.is("10.0.0.2", 6380) && target.is("two.example", 6380));
        assert!(!target.is("10.0.0.1", 6380) && !target.is("10.0.0.2", 6379));
        // Moving here, not moving, and what another node says of itself.
        for slot in [77, 9, 12] {
            assert_eq!(importer(NODES, slot), None);
        }
    }

    #[test]
    fn an_address_is_read_in_all_its_forms() {
        let six = Target::read("fd00::3:6379@16379").unwrap();
        assert!(six.is("fd00::3", 6379));
        assert_eq!(Target::read("10.0.0.1"), None);
        assert_eq!(
            Target::read(":0@0,noaddr").map(|target| target.port),
            Some(0)
        );
    }
}
