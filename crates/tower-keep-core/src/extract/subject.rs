use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::digest::append_part;

/// Whom a request is counted for, as opaque bytes.
///
/// The bytes say which extractor they are from, so that a header `192.0.2.1` and the address
/// 192.0.2.1 are two subjects. They may hold an API key or a cookie: `Debug` shows nothing of them, and
/// Redis gets them only inside a [digest](crate::digest).
///
/// Short ones, addresses among them, need no allocation.
#[derive(Clone)]
pub struct Subject(Repr);

/// As large as the shared form with its tag.
const INLINE: usize = 22;

#[derive(Clone)]
enum Repr {
    Inline { length: u8, bytes: [u8; INLINE] },
    Shared(Arc<[u8]>),
}

/// The first byte: where the rest is from.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Origin {
    Address = b'a',
    Cookie = b'c',
    Header = b'h',
    Identity = b'i',
    #[cfg(feature = "axum")]
    Route = b'r',
    Together = b't',
    /// Made by the application.
    Own = b'o',
}

impl Subject {
    /// A subject made by the application.
    ///
    /// Empty bytes make no subject: an extractor that is a closure fails with them.
    pub fn new(bytes: impl AsRef<[u8]>) -> Self {
        Self::from_parts(Origin::Own, &[bytes.as_ref()])
    }

    /// The bytes, to be hashed or compared.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { length, bytes } => &bytes[..usize::from(*length)],
            Repr::Shared(bytes) => bytes,
        }
    }

    /// `pieces` one after the other. Where there are several, the caller sees to it that their borders are known.
    pub(super) fn from_parts(origin: Origin, pieces: &[&[u8]]) -> Self {
        let length = 1 + pieces.iter().map(|piece| piece.len()).sum::<usize>();
        let bytes =
            || std::iter::once(origin as u8).chain(pieces.iter().copied().flatten().copied());
        Self(match u8::try_from(length) {
            Ok(length) if usize::from(length) <= INLINE => {
                let mut inline = [0; INLINE];
                inline
                    .iter_mut()
                    .zip(bytes())
                    .for_each(|(to, from)| *to = from);
                Repr::Inline {
                    length,
                    bytes: inline,
                }
            }
            _ => {
                let mut all = Vec::with_capacity(length);
                all.extend(bytes());
                Repr::Shared(all.into())
            }
        })
    }

    /// What is found under a name in the request. No name has a NUL, so that it ends the name.
    pub(super) fn named(origin: Origin, name: &str, value: &[u8]) -> Self {
        Self::from_parts(origin, &[name.as_bytes(), b"\0", value])
    }

    pub(super) fn together(subjects: &[Self]) -> Self {
        let mut parts = Vec::new();
        for subject in subjects {
            append_part(&mut parts, subject.as_bytes());
        }
        Self::from_parts(Origin::Together, &[&parts])
    }

    /// Whether there is nothing behind the origin.
    pub(super) fn is_empty(&self) -> bool {
        self.as_bytes().len() <= 1
    }
}

impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Subject {}

impl Hash for Subject {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(..)")
    }
}

impl From<&str> for Subject {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Subject {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&[u8]> for Subject {
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes)
    }
}

impl From<Vec<u8>> for Subject {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl From<Bytes> for Subject {
    fn from(bytes: Bytes) -> Self {
        Self::new(bytes)
    }
}

/// The address alone, however it is written: an IPv4 address mapped into IPv6 is the IPv4 address.
impl From<IpAddr> for Subject {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::from_parts(Origin::Address, &[&address.octets()]),
            IpAddr::V6(address) => Self::from_parts(Origin::Address, &[&address.octets()]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn short_and_long_subjects_keep_their_bytes() {
        for length in 0..64 {
            let subject = Subject::new(vec![7; length]);
            assert_eq!(subject.as_bytes()[0], b'o');
            assert_eq!(subject.as_bytes()[1..], vec![7; length]);
            assert_eq!(subject.is_empty(), length == 0);
            assert_eq!(matches!(subject.0, Repr::Inline { .. }), length < INLINE);
        }
        assert_eq!(size_of::<Subject>(), 24);
    }

    #[test]
    fn the_same_bytes_from_elsewhere_are_another_subject() {
        let subjects = HashSet::from([
            Subject::new("1234"),
            Subject::from_parts(Origin::Address, &[b"1234"]),
            Subject::from_parts(Origin::Identity, &[b"1234"]),
            Subject::named(Origin::Header, "", b"1234"),
            Subject::named(Origin::Cookie, "", b"1234"),
            Subject::together(&[Subject::new("1234")]),
        ]);
        assert_eq!(subjects.len(), 6);
    }

    #[test]
    fn together_the_border_between_two_subjects_matters() {
        let together = |a: &str, b: &str| Subject::together(&[a.into(), b.into()]);
        assert_ne!(together("ab", "c"), together("a", "bc"));
        assert_ne!(together("a", "b"), together("b", "a"));
        assert_eq!(together("a", "b"), together("a", "b"));
    }

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?}", Subject::new("secret")), "Subject(..)");
    }
}
