use std::sync::Arc;

use tokio::time::Instant;

use super::{
    core::Core,
    health::{Cause, Class, ClassHealth, Health, MasterDown},
    incarnation::Incarnation,
    slot_map::SlotMap,
    target::Node,
};

/// The masters of a cluster, as its map was when it was read the last time, and the connection to each.
#[derive(Clone, Debug, Default)]
pub(super) struct Masters {
    map: SlotMap,
    /// In the order of the map's masters.
    cores: Vec<Arc<Core>>,
    guests: Vec<Guest>,
}

/// A connection to a node that the map does not know as a master, but to which a master has sent somebody on: one that
/// is given its first slot, key by key.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    pub(super) core: Arc<Core>,
    pub(super) until: Instant,
}

impl Masters {
    pub(super) fn new(map: SlotMap, cores: Vec<Arc<Core>>, guests: Vec<Guest>) -> Self {
        Self { map, cores, guests }
    }

    pub(super) fn map(&self) -> &SlotMap {
        &self.map
    }

    /// The connections to the masters.
    pub(super) fn cores(&self) -> &[Arc<Core>] {
        &self.cores
    }

    pub(super) fn owner(&self, slot: u16) -> Option<&Arc<Core>> {
        self.cores.get(self.map.owner(slot)?)
    }

    pub(super) fn guests(&self) -> &[Guest] {
        &self.guests
    }

    /// All connections.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Core>> {
        self.cores
            .iter()
            .chain(self.guests.iter().map(|guest| &guest.core))
    }

    pub(super) fn at(&self, node: &Node) -> Option<&Arc<Core>> {
        self.all().find(|core| core.node() == Some(node))
    }

    pub(super) fn is_up(&self, class: Class) -> bool {
        self.cores.iter().any(|core| core.gate(class).is_up())
    }

    /// For what any master can answer: one that is up, if there is one.
    pub(super) fn anyone(&self, class: Class) -> Option<&Arc<Core>> {
        let mut up = self.cores.iter().filter(|core| core.gate(class).is_up());
        up.next().or_else(|| self.cores.first())
    }

    /// `None` as long as none of them was asked yet, and if one does not tell.
    pub(super) fn incarnation(&self) -> Option<Incarnation> {
        let mut told = Vec::with_capacity(self.cores.len());
        for core in &self.cores {
            match &*core.incarnation.borrow() {
                Some(incarnation) => told.push(incarnation.clone()),
                // It is asked before its gate is opened.
                None if core.gate(Class::Read).is_up() => return None,
                None => {}
            }
        }
        Incarnation::of_all(told)
    }

    /// Whether nobody is missing: every slot has a master and every master answers.
    pub(super) fn are_complete(&self) -> bool {
        let up = |core: &Arc<Core>| core.gate(Class::Read).is_up();
        self.cores.iter().all(up) && self.map.gap().is_none()
    }

    pub(super) fn health(&self) -> Health {
        Health {
            read: self.class_health(Class::Read),
            write: self.class_health(Class::Write),
        }
    }

    fn class_health(&self, class: Class) -> ClassHealth {
        let down = self
            .cores
            .iter()
            .filter_map(|core| match core.health.borrow().class(class) {
                ClassHealth::Up => None,
                ClassHealth::Down { cause } => Some(MasterDown {
                    master: (&*core.server).into(),
                    cause: cause.clone(),
                }),
            });
        let down: Box<[_]> = down.collect();
        if !down.is_empty() {
            return ClassHealth::Down {
                cause: Cause::Masters(down),
            };
        }
        match self.map.gap() {
            Some(slots) => ClassHealth::Down {
                cause: Cause::Reply(
                    format!(
                        "no master for the slots {} to {}",
                        slots.start(),
                        slots.end()
                    )
                    .into(),
                ),
            },
            None => ClassHealth::Up,
        }
    }
}
