//! What an entry is found by.

use std::{
    collections::{HashMap, hash_map::RandomState},
    fmt,
    hash::{BuildHasher, BuildHasherDefault, Hash, Hasher},
    sync::LazyLock,
};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::{hex::hex, length, policy::VariantId};

/// The identity of an entry: how many parts it has, and each part behind its length, so that no part can be mistaken for
/// the end of one and the start of the next.
///
/// Maps in this process compare the raw bytes, behind a hash that nobody outside can predict.
/// SHA-256 is paid only where a key goes to Redis.
#[derive(Clone, Eq)]
pub(crate) struct EntryKey {
    raw: Bytes,
    hash: u64,
    /// So many bytes are those of the page that this is a variant of; all of them, if it is none.
    page: usize,
}

/// A map by entry key that does not hash a key again.
pub(crate) type KeyMap<V> = HashMap<EntryKey, V, BuildHasherDefault<Precomputed>>;

/// A map that holds the hash of a key in its place: for what is only remembered, and may be mistaken once in 2^64.
///
/// A key is as long as a client makes it, and thousands of them are more than a memory aid should take.
pub(crate) type HashOnlyMap<V> = HashMap<u64, V, BuildHasherDefault<Precomputed>>;

impl EntryKey {
    /// So many bytes of a digest name an entry.
    pub(crate) const NAME: usize = 24;

    /// The key made of these parts.
    pub(crate) fn from_parts<const N: usize>(parts: &[&[u8]; N]) -> Self {
        let room = |part: &&[u8]| length::bytes(part.len()) + part.len();
        // Exactly as long as needed: `Bytes` then takes the allocation over as it is. And no longer, as SHA-256 goes
        // by blocks of 64 bytes.
        let mut raw = Vec::with_capacity(1 + parts.iter().map(room).sum::<usize>());
        raw.push(N as u8);
        for part in parts {
            length::push(part.len(), &mut raw);
            raw.extend_from_slice(part);
        }
        Self::from_raw(Bytes::from(raw))
    }

    fn from_raw(raw: Bytes) -> Self {
        Self {
            hash: keyed_hash(&raw),
            page: raw.len(),
            raw,
        }
    }

    /// The key of one variant of the page that this is the key of: longer than the parts of any page say.
    pub(crate) fn variant(&self, id: VariantId) -> Self {
        let raw = [&self.raw[..], &id.0].concat();
        Self {
            hash: keyed_hash(&raw),
            page: self.raw.len(),
            raw: raw.into(),
        }
    }

    /// The keyed hash of the page that this is a variant of: all of them are kept in one place.
    pub(crate) fn page_hash(&self) -> u64 {
        match self.page == self.raw.len() {
            true => self.hash,
            false => keyed_hash(&self.raw[..self.page]),
        }
    }

    /// The digest of the page that this is a variant of; `None` if it is none.
    pub(crate) fn page_digest(&self) -> Option<[u8; 32]> {
        let is_variant = self.page < self.raw.len();
        is_variant.then(|| Sha256::digest(&self.raw[..self.page]).into())
    }

    /// The keyed hash of the parts: the same within one process, different in the next.
    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    /// What stands for this key in Redis.
    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.raw).into()
    }

    /// The digest in print, as far as it names the entry in Redis.
    pub(crate) fn print(&self) -> String {
        let digits = hex(&self.digest());
        let name = digits[..Self::NAME].as_flattened();
        name.iter().copied().map(char::from).collect()
    }

    /// The number of bytes that this key holds.
    pub(crate) fn size(&self) -> usize {
        self.raw.len()
    }
}

fn keyed_hash(raw: &[u8]) -> u64 {
    static KEYED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    let mut hasher = KEYED.build_hasher();
    hasher.write(raw);
    hasher.finish()
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
        let key = |parts: [&str; 2]| EntryKey::from_parts(&parts.map(str::as_bytes));
        assert_eq!(key(["ab", "c"]), key(["ab", "c"]));
        assert_ne!(key(["ab", "c"]), key(["a", "bc"]));
        assert_ne!(key(["ab", "c"]).digest(), key(["a", "bc"]).digest());
        assert_ne!(EntryKey::from_parts(&[b""]), EntryKey::from_parts(&[]));
        assert_ne!(key(["", ""]), EntryKey::from_parts(&[b"\0"]));
    }

    #[test]
    fn variants_are_apart_and_keep_to_their_page() {
        let page = EntryKey::from_parts(&[b"a"]);
        let [one, other] = [[1; 16], [2; 16]].map(|id| page.variant(VariantId(id)));
        assert_ne!(one, other);
        assert_ne!(one.digest(), other.digest());
        assert_ne!(one, EntryKey::from_parts(&[b"a", &[1; 16]]));
        assert_eq!(
            (one.page_hash(), page.page_hash()),
            (page.hash(), page.hash())
        );
        assert_eq!(
            (one.page_digest(), page.page_digest()),
            (Some(page.digest()), None)
        );
    }

    #[test]
    fn debug_shows_no_part() {
        let shown = format!("{:?}", EntryKey::from_parts(&[b"alice@example.com"]));
        assert!(!shown.contains("alice"), "{shown}");
    }
}
