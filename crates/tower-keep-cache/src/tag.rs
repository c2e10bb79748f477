//! Tags: what an entry depends on, and what an invalidation names.

use std::{fmt, sync::Arc};

use sha2::{Digest, Sha256};

use crate::hex::hex;

/// The name of something that cached entries depend on, such as `product:7`.
///
/// An entry carries the tags of everything that it was made from. Invalidating a tag makes every
/// entry that carries it unusable, in every process, at once. Two tags are the same if their text is
/// the same, byte for byte: `product:7` and `product:007` are two tags.
///
/// The text never leaves the process: Redis sees a digest of it.
///
/// ```
/// use tower_keep_cache::Tag;
///
/// let tag = Tag::from(format!("product:{}", 7));
/// assert_eq!(tag.as_str(), "product:7");
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tag(Arc<str>);

impl Tag {
    /// The text of this tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands for this tag in a store.
    pub(crate) fn id(&self) -> TagId {
        let digest = Sha256::digest(self.0.as_bytes());
        let mut id = [0; TagId::LENGTH];
        id.copy_from_slice(&digest[..TagId::LENGTH]);
        TagId(id)
    }
}

impl From<&str> for Tag {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Tag {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Tag {
    fn from(text: &String) -> Self {
        Self(text.as_str().into())
    }
}

impl From<Arc<str>> for Tag {
    fn from(text: Arc<str>) -> Self {
        Self(text)
    }
}

impl From<&Self> for Tag {
    fn from(tag: &Self) -> Self {
        tag.clone()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tag").field(&self.as_str()).finish()
    }
}

/// The first 128 bits of a tag's SHA-256.
///
/// Half a digest is enough: two tags that share one are invalidated together, which costs a needless
/// miss and never a stale answer.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct TagId(pub(crate) [u8; Self::LENGTH]);

impl TagId {
    pub(crate) const LENGTH: usize = 16;
}

/// As in the Redis key.
impl fmt::Display for TagId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hex(&self.0);
        f.write_str(std::str::from_utf8(digits.as_flattened()).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for TagId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TagId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_first_half_of_the_digest() {
        assert_eq!(
            Tag::from("abc").id().to_string(),
            "ba7816bf8f01cfea414140de5dae2223"
        );
        assert_ne!(Tag::from("product:7").id(), Tag::from("product:007").id());
    }
}
