use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// What the keys of one application begin with, so that several can share a Redis.
///
/// 1 to 32 characters of `a-z`, `0-9`, `_`, `.` and `-`: short, because it is part of every key, and without
/// what means something to Redis (braces are hash tags, `*`, `?` and `[` are patterns of ACLs and `SCAN`).
/// Defaults to `keep`.
///
/// A key is `{namespace:partition}:name`. The braces are a
/// [hash tag](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags):
/// all keys of one partition are in one slot of a cluster, so that a script may touch several of them.
///
/// ```
/// use tower_keep_core::Namespace;
///
/// let shop = Namespace::new("shop")?;
/// assert_eq!(shop.key(0, "m"), "{shop:0}:m");
/// assert_eq!(Namespace::default().as_str(), "keep");
/// assert!(Namespace::new("Shop}").is_err());
/// # Ok::<(), tower_keep_core::InvalidNamespace>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Namespace(Arc<str>);

impl Namespace {
    /// The longest name allowed, in characters.
    pub const MAX_LENGTH: usize = 32;

    /// Checks and takes a name.
    ///
    /// # Errors
    ///
    /// If the name is empty, longer than [`Namespace::MAX_LENGTH`] or has other characters than those above.
    pub fn new(name: &str) -> Result<Self, InvalidNamespace> {
        if name.is_empty() {
            return Err(InvalidNamespace(Invalid::Empty));
        }
        if let Some(character) = name.chars().find(|c| !is_allowed(*c)) {
            return Err(InvalidNamespace(Invalid::Character(character)));
        }
        if name.len() > Self::MAX_LENGTH {
            return Err(InvalidNamespace(Invalid::Long(name.len())));
        }
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key `name` in `partition`. Partition 0 is the only one on a server that is not a cluster.
    pub fn key(&self, partition: u16, name: &str) -> String {
        // Two braces, two colons and at most five digits.
        let mut key = String::with_capacity(self.0.len() + name.len() + 9);
        self.write_prefix(partition, &mut key);
        key.push_str(name);
        key
    }

    /// Writes what comes before the name of a key in `partition`, for who puts the name together in place.
    pub fn write_prefix(&self, partition: u16, key: &mut String) {
        key.push('{');
        key.push_str(&self.0);
        key.push(':');
        // Not `write!`, whose formatting machinery costs more than the rest of the key.
        let mut divisor = 10_000;
        while divisor > 1 && partition < divisor {
            divisor /= 10;
        }
        while divisor > 0 {
            let digit = partition / divisor % 10;
            key.push(char::from(b'0' + u8::try_from(digit).unwrap_or_default()));
            divisor /= 10;
        }
        key.push_str("}:");
    }
}

fn is_allowed(character: char) -> bool {
    matches!(character, 'a'..='z' | '0'..='9' | '_' | '.' | '-')
}

impl Default for Namespace {
    fn default() -> Self {
        Self("keep".into())
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Namespace {
    type Err = InvalidNamespace;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

/// Why a name cannot be a [`Namespace`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvalidNamespace(Invalid);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Invalid {
    Empty,
    Long(usize),
    Character(char),
}

impl fmt::Display for InvalidNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Invalid::Empty => f.write_str("a namespace needs at least one character"),
            Invalid::Long(length) => write!(
                f,
                "a namespace has at most {} characters, not {length}",
                Namespace::MAX_LENGTH
            ),
            Invalid::Character(character) => write!(
                f,
                "a namespace has only a-z, 0-9, '_', '.' and '-', not {character:?}"
            ),
        }
    }
}

impl Error for InvalidNamespace {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_one_to_32_plain_characters_are_taken() {
        for name in ["a", "keep", "a.b-c_9", &"x".repeat(32)] {
            assert_eq!(Namespace::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn other_names_are_refused_with_the_reason() {
        for (name, reason) in [
            ("", "at least one character"),
            ("A", "not 'A'"),
            ("a{b}", "not '{'"),
            ("a:b", "not ':'"),
            ("a*", "not '*'"),
            ("ä", "not 'ä'"),
            (&"x".repeat(33), "at most 32 characters, not 33"),
        ] {
            let error = Namespace::new(name).unwrap_err().to_string();
            assert!(error.contains(reason), "{name:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_hash_tag_then_name(partition: u16, name in ".{0,20}") {
            let key = Namespace::default().key(partition, &name);
            prop_assert_eq!(key, format!("{{keep:{partition}}}:{name}"));
        }
    }
}
