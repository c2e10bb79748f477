use std::fmt;
#[cfg(feature = "tls")]
use std::{borrow::Cow, fs, io};

/// Certificates or a key, or the file that they are in. Neither ever shows: in the place of a file's name, somebody may
/// have written a key.
#[derive(Clone)]
#[cfg_attr(
    not(feature = "tls"),
    allow(dead_code, reason = "without the feature it is only known to be there")
)]
pub(in super::super) struct Pem(Place);

#[derive(Clone)]
#[cfg_attr(
    not(feature = "tls"),
    allow(dead_code, reason = "without the feature it is only known to be there")
)]
enum Place {
    File(String),
    Text(Vec<u8>),
}

impl Pem {
    pub(in super::super) fn file(path: String) -> Self {
        Self(Place::File(path))
    }

    #[cfg(feature = "tls")]
    pub(in super::super) fn text(text: Vec<u8>) -> Self {
        Self(Place::Text(text))
    }

    #[cfg(feature = "tls")]
    pub(super) fn read(&self) -> io::Result<Cow<'_, [u8]>> {
        Ok(match &self.0 {
            Place::File(path) => Cow::Owned(fs::read(path)?),
            Place::Text(text) => Cow::Borrowed(text),
        })
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
