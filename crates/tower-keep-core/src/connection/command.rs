use bytes::Bytes;
use fred::types::{ClusterHash, CustomCommand};

use super::{health::Class, key::Key};

/// One command on its way to the client library.
///
/// Everything goes as a custom command: it is the only form in which scripts keep their deadline, and the only one
/// whose replies come back unparsed (the typed calls check every byte string for UTF-8, which a cached body pays
/// for by the kilobyte).
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) class: Class,
    name: &'static str,
    slot: ClusterHash,
    arguments: Vec<Bytes>,
}

impl Command {
    /// A command whose first argument is the key that says which node it belongs to.
    pub(super) fn new(class: Class, name: &'static str) -> Self {
        Self {
            class,
            name,
            slot: ClusterHash::FirstKey,
            arguments: Vec::new(),
        }
    }

    pub(super) fn read(name: &'static str) -> Self {
        Self::new(Class::Read, name)
    }

    pub(super) fn write(name: &'static str) -> Self {
        Self::new(Class::Write, name)
    }

    /// Makes it a command for any node.
    pub(super) fn anywhere(mut self) -> Self {
        self.slot = ClusterHash::Random;
        self
    }

    /// Makes it a command for the node that owns the key's slot, wherever the key stands in it.
    pub(super) fn beside(mut self, key: Option<&Key>) -> Self {
        self.slot = match key {
            Some(key) => ClusterHash::Custom(fred::util::redis_keyslot(&key.0)),
            None => ClusterHash::Random,
        };
        self
    }

    /// The slot that it goes to, if that matters.
    pub(super) fn slot(&self) -> Option<u16> {
        match (&self.slot, self.arguments.first()) {
            (ClusterHash::Custom(slot), _) => Some(*slot),
            (ClusterHash::FirstKey, Some(key)) => Some(fred::util::redis_keyslot(key)),
            _ => None,
        }
    }

    pub(super) fn arg(mut self, argument: impl Into<Bytes>) -> Self {
        if self.arguments.is_empty() {
            // Most commands have one or two.
            self.arguments.reserve_exact(2);
        }
        self.arguments.push(argument.into());
        self
    }

    pub(super) fn number(self, number: i64) -> Self {
        self.arg(number.to_string())
    }

    pub(super) fn key(self, key: Key) -> Self {
        self.arg(key.0)
    }

    pub(super) fn keys(self, keys: Vec<Key>) -> Self {
        self.args(keys.into_iter().map(|key| key.0).collect())
    }

    pub(super) fn args(mut self, mut arguments: Vec<Bytes>) -> Self {
        if self.arguments.is_empty() {
            self.arguments = arguments;
        } else {
            self.arguments.append(&mut arguments);
        }
        self
    }

    pub(super) fn into_parts(self) -> (CustomCommand, Vec<Bytes>) {
        (
            CustomCommand::new_static(self.name, self.slot, false),
            self.arguments,
        )
    }
}
