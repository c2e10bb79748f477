//! Which node of a cluster owns which hash slot. Pure.
//!
//! <https://redis.io/docs/latest/commands/cluster-slots/>

use std::ops::RangeInclusive;

use super::{error::CommandError, key::Key, target::Node, value::Value};

pub(super) const SLOTS: u16 = 16_384;

/// What the probes write to. In a cluster each master has such a key of its own, with a tag behind this name.
pub(super) const PROBE_KEY: &str = "keep:probe";

const NOBODY: u16 = u16::MAX;

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct SlotMap {
    /// For each slot the number of its master.
    owners: Box<[u16]>,
    masters: Vec<Node>,
    replicas: Vec<Node>,
}

impl Default for SlotMap {
    fn default() -> Self {
        Self {
            owners: vec![NOBODY; usize::from(SLOTS)].into(),
            masters: Vec::new(),
            replicas: Vec::new(),
        }
    }
}

impl SlotMap {
    /// From the reply to `CLUSTER SLOTS`. A node that does not say where it is, is where the one is that was asked.
    pub(super) fn read(reply: Value, asked: &Node) -> Result<Self, CommandError> {
        let mut map = Self::default();
        for range in reply.into_array()? {
            let mut fields = range.into_array()?.into_iter();
            let mut next = || fields.next().unwrap_or(Value::Nil);
            let (start, end) = (slot(next())?, slot(next())?);
            let master = map.number(node(next(), asked)?)?;
            for owner in map
                .owners
                .iter_mut()
                .take(usize::from(end) + 1)
                .skip(start.into())
            {
                *owner = master;
            }
            for replica in fields {
                map.replicas.push(node(replica, asked)?);
            }
        }
        Ok(map)
    }

    fn number(&mut self, master: Node) -> Result<u16, CommandError> {
        let known = self.position(&master);
        let number = known.unwrap_or(self.masters.len());
        if known.is_none() {
            self.masters.push(master);
        }
        u16::try_from(number).map_err(|_| unreadable("more masters than slots"))
    }

    pub(super) fn position(&self, master: &Node) -> Option<usize> {
        self.masters.iter().position(|known| known == master)
    }

    /// The number of a slot's master.
    pub(super) fn owner(&self, slot: u16) -> Option<usize> {
        let owner = *self.owners.get(usize::from(slot))?;
        (owner != NOBODY).then_some(usize::from(owner))
    }

    pub(super) fn masters(&self) -> &[Node] {
        &self.masters
    }

    /// All nodes, masters first.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.masters.iter().chain(&self.replicas)
    }

    /// The first of the slots that nobody owns.
    pub(super) fn gap(&self) -> Option<RangeInclusive<u16>> {
        let mut orphans = (0..SLOTS).skip_while(|slot| self.owner(*slot).is_some());
        let start = orphans.next()?;
        let more = orphans.take_while(|slot| self.owner(*slot).is_none());
        Some(start..=more.last().unwrap_or(start))
    }

    /// The key that is probed on a master: always the same one as long as its slot stays there.
    pub(super) fn probe_key(&self, master: usize) -> Option<Key> {
        let tagged = (0..SLOTS).map(|number| format!("{PROBE_KEY}:{{{number}}}"));
        let mut names = std::iter::once(PROBE_KEY.to_owned()).chain(tagged);
        names
            .find(|name| self.owner(fred::util::redis_keyslot(name.as_bytes())) == Some(master))
            .map(Key::from)
    }
}

fn slot(value: Value) -> Result<u16, CommandError> {
    let number = value.into_integer()?;
    u16::try_from(number)
        .ok()
        .filter(|slot| *slot < SLOTS)
        .ok_or_else(|| unreadable("a slot that there is not"))
}

/// A node is `[host, port, id, …]`; the host is nil, or in older versions empty, where the node does not know it.
fn node(value: Value, asked: &Node) -> Result<Node, CommandError> {
    let mut fields = value.into_array()?.into_iter();
    let host = fields.next().unwrap_or(Value::Nil).into_bytes()?;
    let port = fields.next().unwrap_or(Value::Nil).into_integer()?;
    let host = host.filter(|host| !host.is_empty());
    Ok(Node {
        host: match host {
            Some(host) => String::from_utf8_lossy(&host).into_owned(),
            None => asked.host.clone(),
        },
        port: u16::try_from(port).map_err(|_| unreadable("a port that there is not"))?,
    })
}

fn unreadable(what: &str) -> CommandError {
    CommandError::Other(format!("the cluster's map names {what}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed() -> Node {
        Node {
            host: "10.0.0.9".into(),
            port: 6379,
        }
    }

    fn at(host: &str) -> Node {
        Node {
            host: host.into(),
            ..seed()
        }
    }

    fn entry(host: &str) -> Value {
        let host = match host {
            "" => Value::Nil,
            host => Value::Bytes(host.to_owned().into()),
        };
        Value::Array(vec![host, Value::Integer(6379), Value::Bytes("id".into())])
    }

    fn range(start: i64, end: i64, hosts: &[&str]) -> Value {
        let mut fields = vec![Value::Integer(start), Value::Integer(end)];
        fields.extend(hosts.iter().map(|host| entry(host)));
        Value::Array(fields)
    }

    fn read(ranges: Vec<Value>) -> Result<SlotMap, CommandError> {
        SlotMap::read(Value::Array(ranges), &seed())
    }

    #[test]
    fn each_slot_has_its_master_and_each_master_a_key() {
        let map = read(vec![
            range(0, 99, &["10.0.0.1", "10.0.0.4"]),
            range(100, 8191, &["10.0.0.2"]),
            range(8192, 16_383, &["10.0.0.1", "10.0.0.4"]),
        ])
        .unwrap();
        assert_eq!(map.masters(), [at("10.0.0.1"), at("10.0.0.2")]);
        let owners = [0, 99, 100, 8191, 8192, 16_383].map(|slot| map.owner(slot).unwrap());
        assert_eq!(owners, [0, 0, 1, 1, 0, 0]);
        assert_eq!(map.owner(SLOTS), None);
        assert_eq!(map.gap(), None);
        assert!(map.nodes().any(|node| *node == at("10.0.0.4")));
        for master in [0, 1] {
            let key = map.probe_key(master).unwrap();
            assert_eq!(map.owner(fred::util::redis_keyslot(&key.0)), Some(master));
        }
        assert_eq!(map.probe_key(2), None);
    }

    #[test]
    fn a_node_without_a_host_is_where_the_one_is_that_was_asked() {
        let map = read(vec![range(0, 16_383, &[""])]).unwrap();
        assert_eq!(map.masters(), [seed()]);
    }

    #[test]
    fn slots_that_nobody_owns_are_told() {
        let map = read(vec![
            range(0, 99, &["10.0.0.1"]),
            range(200, 16_383, &["10.0.0.1"]),
        ]);
        assert_eq!(map.unwrap().gap(), Some(100..=199));
        assert_eq!(read(Vec::new()).unwrap().gap(), Some(0..=16_383));
    }

    #[test]
    fn what_is_no_map_is_refused() {
        for nonsense in [
            Value::Nil,
            Value::Array(vec![Value::Integer(1)]),
            Value::Array(vec![range(0, 16_384, &["10.0.0.1"])]),
            Value::Array(vec![range(-1, 5, &["10.0.0.1"])]),
            Value::Array(vec![range(0, 5, &[])]),
        ] {
            assert!(SlotMap::read(nonsense, &seed()).is_err());
        }
    }
}
