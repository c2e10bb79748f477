//! The masters of a cluster, each with its own silence: one that hangs is not excused by the replies of the others.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use fred::types::cluster::ClusterRouting;

use super::{key::Key, traffic::Traffic};

const SLOTS: usize = 16_384;

/// The master of a slot is a number below this; in larger clusters some masters share one.
const MASTERS: u8 = 128;

/// What the probes write to. In a cluster each master has such a key of its own, with a tag behind this name.
const PROBE_KEY: &str = "keep:probe";

/// Which master owns which slot. Without a cluster there is nothing in it but one key to probe.
#[derive(Debug)]
pub(super) struct Shards {
    owners: Box<[AtomicU8]>,
    traffic: Box<[Traffic]>,
    keys: Mutex<Arc<[Key]>>,
}

impl Shards {
    pub(super) fn new(is_cluster: bool) -> Self {
        let (slots, masters) = match is_cluster {
            true => (SLOTS, MASTERS),
            false => (0, 0),
        };
        Self {
            owners: (0..slots).map(|_| AtomicU8::new(0)).collect(),
            traffic: (0..masters).map(|_| Traffic::default()).collect(),
            keys: Mutex::new(Arc::new([Key::from(PROBE_KEY)])),
        }
    }

    /// The number of a slot's master.
    pub(super) fn owner(&self, slot: u16) -> Option<u8> {
        let owner = self.owners.get(usize::from(slot))?;
        Some(owner.load(Ordering::Relaxed))
    }

    pub(super) fn traffic(&self, owner: u8) -> Option<&Traffic> {
        self.traffic.get(usize::from(owner))
    }

    pub(super) fn all(&self) -> &[Traffic] {
        &self.traffic
    }

    /// How long the most silent master has been silent.
    pub(super) fn silence(&self, now: Duration) -> Option<Duration> {
        self.traffic
            .iter()
            .filter_map(|traffic| traffic.silence(now))
            .max()
    }

    /// A key on each master.
    pub(super) fn keys(&self) -> Arc<[Key]> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&keys)
    }

    /// Takes over the cluster's map.
    pub(super) fn learn(&self, map: &ClusterRouting) {
        let masters = map.unique_primary_nodes();
        for range in map.slots() {
            let number = masters.iter().position(|master| *master == range.primary);
            let number = number.unwrap_or_default() % usize::from(MASTERS);
            let number = u8::try_from(number).expect("less than MASTERS");
            for slot in range.start..=range.end {
                if let Some(owner) = self.owners.get(usize::from(slot)) {
                    owner.store(number, Ordering::Relaxed);
                }
            }
        }
        let keys: Arc<[Key]> = masters
            .iter()
            .filter_map(|master| key_on(|slot| map.get_server(slot) == Some(master)))
            .collect();
        if !keys.is_empty() {
            *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys;
        }
    }
}

/// The first probe key whose slot will do.
fn key_on(will_do: impl Fn(u16) -> bool) -> Option<Key> {
    let tagged = (0..SLOTS).map(|number| format!("{PROBE_KEY}:{{{number}}}"));
    let mut names = std::iter::once(PROBE_KEY.to_owned()).chain(tagged);
    names
        .find(|name| will_do(fred::util::redis_keyslot(name.as_bytes())))
        .map(Key::from)
}

#[cfg(test)]
mod tests {
    use fred::types::Value;

    use super::*;

    fn map(ranges: &[(i64, i64, &str)]) -> ClusterRouting {
        let ranges = ranges.iter().map(|(start, end, host)| {
            let node = vec![Value::from(*host), Value::from(6379), Value::from(*host)];
            Value::Array(vec![
                Value::from(*start),
                Value::from(*end),
                Value::Array(node),
            ])
        });
        ClusterRouting::from_cluster_slots(Value::Array(ranges.collect()), "").unwrap()
    }

    #[test]
    fn each_master_has_a_key_and_a_silence_of_its_own() {
        let shards = Shards::new(true);
        shards.learn(&map(&[
            (0, 99, "10.0.0.1"),
            (100, 8191, "10.0.0.2"),
            (8192, 16_383, "10.0.0.1"),
        ]));
        let [one, other] = [0, 100].map(|slot| shards.owner(slot).unwrap());
        assert_eq!(shards.owner(16_383), Some(one));
        assert_ne!(one, other);
        let mut owners: Vec<_> = shards
            .keys()
            .iter()
            .map(|key| shards.owner(fred::util::redis_keyslot(&key.0)).unwrap())
            .collect();
        owners.sort_unstable();
        assert_eq!(owners, [one, other]);

        let at = Duration::from_millis;
        shards.traffic(one).unwrap().depart(at(0));
        shards.traffic(other).unwrap().depart(at(0));
        shards.traffic(one).unwrap().replied(at(90));
        assert_eq!(shards.silence(at(100)), Some(at(100)));
    }

    #[test]
    fn a_single_server_has_no_shards() {
        let shards = Shards::new(false);
        assert_eq!(shards.owner(0), None);
        assert_eq!(shards.silence(Duration::ZERO), None);
        assert_eq!(&shards.keys()[0].0[..], PROBE_KEY.as_bytes());
    }
}
