//! SHA-256 over length-prefixed parts: how what a client can influence gets into a key.
//!
//! Joining parts with a separator lets a client move the border between them (`a|b` + `c` is `a` + `b|c`).
//! Here every part stands behind its length (eight bytes, little-endian), so that different lists of parts are different inputs,
//! and SHA-256 ([FIPS 180-4](https://csrc.nist.gov/pubs/fips/180-4/upd1/final)) makes them keys of one length that nobody can steer.
//!
//! ```
//! use tower_keep_core::digest::Digest;
//!
//! let key = Digest::of(["GET", "/products/7"]);
//! assert_eq!(key.base64url().len(), 43);
//! assert_ne!(key, Digest::of(["GET/", "products/7"]));
//! ```

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// The SHA-256 digest of a list of parts.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `parts`, in this order.
    pub fn of<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> Self {
        let mut hasher = KeyHasher::new();
        for part in parts {
            hasher.part(part.as_ref());
        }
        hasher.finish()
    }

    /// The digest of a list of parts that [`append_part`] has put together: the same as [`Digest::of`] those parts.
    pub fn of_encoded(parts: &[u8]) -> Self {
        Self(Sha256::digest(parts).into())
    }

    /// All 256 bits.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 128 bits, for names where a collision costs little.
    pub fn first_128(&self) -> [u8; 16] {
        let mut first = [0; 16];
        first.copy_from_slice(&self.0[..16]);
        first
    }

    /// All 256 bits as 43 characters of [base64url](https://www.rfc-editor.org/rfc/rfc4648#section-5) without padding.
    pub fn base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The first 128 bits as 22 characters of base64url without padding.
    pub fn base64url_128(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.first_128())
    }

    /// Appends the 43 characters of [`Digest::base64url`] to `key`.
    pub fn write_base64url(&self, key: &mut String) {
        URL_SAFE_NO_PAD.encode_string(self.0, key);
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.base64url_128())
    }
}

/// Makes a [`Digest`] of parts that come one by one.
#[derive(Clone, Debug, Default)]
pub struct KeyHasher(Sha256);

impl KeyHasher {
    /// A hasher of no parts yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one part, however short or long.
    pub fn part(&mut self, part: &[u8]) -> &mut Self {
        self.0.update(length_of(part));
        self.0.update(part);
        self
    }

    /// The digest of the parts so far.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// Appends `part` behind its length to `parts`, in the form that [`Digest::of_encoded`] takes.
///
/// For maps in this process, which compare the raw parts and never need a digest.
pub fn append_part(parts: &mut Vec<u8>, part: &[u8]) {
    parts.extend_from_slice(&length_of(part));
    parts.extend_from_slice(part);
}

fn length_of(part: &[u8]) -> [u8; 8] {
    (part.len() as u64).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_digest_is_sha_256_of_length_prefixed_parts() {
        // printf '\x01\0\0\0\0\0\0\0a\0\0\0\0\0\0\0\0' | sha256sum
        let digest = Digest::of(["a", ""]);
        let hex: String = digest.0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "49a1af1b982d48d444434b4fdd5a935bad437b5e211cfd8c9f18b975e2cc1e31"
        );
    }

    #[test]
    fn the_texts_have_43_and_22_characters_of_base64url() {
        let digest = Digest::of(["a"]);
        let (long, short) = (digest.base64url(), digest.base64url_128());
        assert_eq!((long.len(), short.len()), (43, 22));
        // 22 characters are 132 bits: the last one may differ in the four that are too many.
        assert_eq!(long[..21], short[..21]);
        assert!(
            long.bytes()
                .all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c))
        );
        let mut key = String::from("{keep:0}:");
        digest.write_base64url(&mut key);
        assert_eq!(key, format!("{{keep:0}}:{long}"));
    }

    #[test]
    fn moving_the_border_between_parts_makes_another_digest() {
        let same_letters = [
            Digest::of(["ab", "c"]),
            Digest::of(["a", "bc"]),
            Digest::of(["abc"]),
            Digest::of(["abc", ""]),
            Digest::of(["", "abc"]),
            Digest::of(["a", "b", "c"]),
            Digest::of(["c", "ab"]),
        ];
        for (i, one) in same_letters.iter().enumerate() {
            assert!(!same_letters[..i].contains(one));
        }
        assert_ne!(Digest::of::<&str>([]), Digest::of([""]));
    }

    proptest! {
        #[test]
        fn different_lists_of_parts_are_encoded_differently(
            one in prop::collection::vec(prop::collection::vec(0_u8..3, 0..4), 0..4),
            other in prop::collection::vec(prop::collection::vec(0_u8..3, 0..4), 0..4),
        ) {
            let encode = |parts: &[Vec<u8>]| {
                let mut encoded = Vec::new();
                parts.iter().for_each(|part| append_part(&mut encoded, part));
                encoded
            };
            let (a, b) = (encode(&one), encode(&other));
            prop_assert_eq!(one == other, a == b);
            prop_assert_eq!(Digest::of_encoded(&a), Digest::of(&one));
            prop_assert_eq!(one == other, Digest::of(&one) == Digest::of(&other));
        }
    }
}
