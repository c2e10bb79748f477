//! What an entry is found by.

use std::{
    collections::{HashMap, hash_map::RandomState},
    fmt,
    hash::{BuildHasher, BuildHasherDefault, Hash, Hasher},
    sync::LazyLock,
};

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// The identity of an entry: its parts, each behind its length, so that no part can be mistaken for
/// the end of one and the start of the next.
///
/// Maps in this process compare the raw bytes, behind a hash that nobody outside can predict.
/// SHA-256 is paid only where a key goes to Redis.
#[derive(Clone, Eq)]
pub(crate) struct EntryKey {
    raw: Bytes,
    hash: u64,
}

/// A map by entry key that does not hash a key again.
pub(crate) type KeyMap<V> = HashMap<EntryKey, V, BuildHasherDefault<Precomputed>>;

/// A map that holds the hash of a key in its place: for what is only remembered, and may be mistaken once in 2^64.
///
/// A key is as long as a client makes it, and thousands of them are more than a memory aid should take.
pub(crate) type HashOnlyMap<V> = HashMap<u64, V, BuildHasherDefault<Precomputed>>;

impl EntryKey {
    /// The key made of these parts.
    pub(crate) fn from_parts(parts: &[&[u8]]) -> Self {
        // Exactly as long as needed: `Bytes` then takes the allocation over as it is.
        let length = parts.iter().map(|part| size_of::<u32>() + part.len()).sum();
        let mut raw = Vec::with_capacity(length);
        for part in parts {
            // A part of 4 GiB does not exist: a request that carried one was refused long before.
            raw.extend_from_slice(&(part.len() as u32).to_le_bytes());
            raw.extend_from_slice(part);
        }
        Self::from_raw(Bytes::from(raw))
    }

    fn from_raw(raw: Bytes) -> Self {
        static KEYED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let mut hasher = KEYED.build_hasher();
        hasher.write(&raw);
        Self {
            hash: hasher.finish(),
            raw,
        }
    }

    /// The keyed hash of the parts: the same within one process, different in the next.
    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    /// What stands for this key in Redis.
    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.raw).into()
    }

    /// The number of bytes that this key holds.
    pub(crate) fn size(&self) -> usize {
        self.raw.len()
    }
}

impl PartialEq for EntryKey {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.raw == other.raw
    }
}

impl Hash for EntryKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// A key may hold what identifies a person: only its hash is shown, which means nothing outside.
impl fmt::Debug for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryKey({:016x})", self.hash)
    }
}

/// Hands on the hash that the key already has.
#[derive(Debug, Default)]
pub(crate) struct Precomputed(u64);

impl Hasher for Precomputed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        debug_assert!(
            false,
            "only an entry key is hashed here, not {} bytes",
            bytes.len()
        );
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let key = |parts: &[&[u8]]| EntryKey::from_parts(parts);
        assert_eq!(key(&[b"ab", b"c"]), key(&[b"ab", b"c"]));
        assert_ne!(key(&[b"ab", b"c"]), key(&[b"a", b"bc"]));
        assert_ne!(key(&[b"ab", b"c"]).digest(), key(&[b"a", b"bc"]).digest());
        assert_ne!(key(&[b""]), key(&[]));
    }

    #[test]
    fn debug_shows_no_part() {
        let shown = format!("{:?}", EntryKey::from_parts(&[b"alice@example.com"]));
        assert!(!shown.contains("alice"), "{shown}");
    }
}
