use bytes::Bytes;
use fred::types::{ClusterHash, CustomCommand};

use super::{health::Class, key::Key};

/// One command on its way to the client library.
///
/// Most go as custom commands: it is the only form in which scripts keep their deadline. The library flushes its socket
/// behind each of them, where the typed reads of many callers share one system call; so the two that are sent most,
/// `GET` and `MGET`, go as such.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) class: Class,
    name: &'static str,
    /// Which argument is the key that says which node it belongs to.
    key: Option<usize>,
    arguments: Vec<Bytes>,
}

/// How the client library is called for a command.
#[derive(Debug)]
pub(super) enum Call {
    Get(Bytes),
    MultiGet(Vec<Bytes>),
    Custom(CustomCommand, Vec<Bytes>),
}

/// Where a script's first key stands: after the script and the number of keys.
const SCRIPT_KEY: usize = 2;

impl Command {
    /// A command whose first argument is the key that says which node it belongs to.
    pub(super) fn new(class: Class, name: &'static str) -> Self {
        Self {
            class,
            name,
            key: Some(0),
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
        self.key = None;
        self
    }

    /// A call of a script, whose arguments (`tail`) come after its keys.
    pub(super) fn script(
        class: Class,
        name: &'static str,
        script: Bytes,
        keys: &[Key],
        tail: &[&[Bytes]],
    ) -> Self {
        let length = SCRIPT_KEY + keys.len() + tail.iter().map(|part| part.len()).sum::<usize>();
        let mut arguments = Vec::with_capacity(length);
        arguments.extend([
            script,
            decimal(i64::try_from(keys.len()).unwrap_or(i64::MAX)),
        ]);
        arguments.extend(keys.iter().map(|key| key.0.clone()));
        arguments.extend(tail.iter().flat_map(|part| part.iter()).cloned());
        Self {
            class,
            name,
            key: (!keys.is_empty()).then_some(SCRIPT_KEY),
            arguments,
        }
    }

    /// The slot that it goes to, if that matters.
    pub(super) fn slot(&self) -> Option<u16> {
        let key = self.arguments.get(self.key?)?;
        Some(fred::util::redis_keyslot(key))
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
        self.arg(decimal(number))
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

    pub(super) fn into_call(self) -> Call {
        match self.name {
            "GET" if self.arguments.len() == 1 => {
                Call::Get(self.arguments.into_iter().next().unwrap_or_default())
            }
            "MGET" => Call::MultiGet(self.arguments),
            _ => {
                let (command, arguments) = self.into_parts();
                Call::Custom(command, arguments)
            }
        }
    }

    pub(super) fn into_parts(self) -> (CustomCommand, Vec<Bytes>) {
        (
            // The library's clients have one node each.
            CustomCommand::new_static(self.name, ClusterHash::Random, false),
            self.arguments,
        )
    }
}

/// Without an allocation for what numbers of keys and the like usually are.
fn decimal(number: i64) -> Bytes {
    const DIGITS: &[u8] = b"0123456789";
    let digit = usize::try_from(number)
        .ok()
        .and_then(|digit| DIGITS.get(digit..=digit));
    match digit {
        Some(digit) => Bytes::from_static(digit),
        None => Bytes::from(number.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_goes_where_its_key_belongs() {
        let slot = Some(fred::util::redis_keyslot(b"key"));
        assert_eq!(Command::read("GET").key(Key::from("key")).slot(), slot);
        assert_eq!(Command::read("PING").anywhere().slot(), None);

        let script = |keys: &[Key]| {
            let sha = Bytes::from_static(b"sha");
            let tail = [Bytes::from_static(b"1"), Bytes::from_static(b"2")];
            Command::script(Class::Read, "EVALSHA", sha, keys, &[&tail[..1], &tail[1..]])
        };
        let keyed = script(&[Key::from("key"), Key::from("other")]);
        assert_eq!(keyed.slot(), slot);
        assert_eq!(keyed.arguments, ["sha", "2", "key", "other", "1", "2"]);
        assert_eq!(script(&[]).slot(), None);
    }

    #[test]
    fn numbers_are_written_in_decimal() {
        for number in [i64::MIN, -1, 0, 1, 9, 10, i64::MAX] {
            assert_eq!(decimal(number), number.to_string());
        }
    }
}
