//! The names of header fields that have a number in the format.

use http::{HeaderName, header};

/// A name is told by its place. **Add at the end only**: another order is another version of the format.
static NAMES: [HeaderName; 24] = [
    header::CONTENT_TYPE,
    header::CACHE_CONTROL,
    header::ETAG,
    header::LAST_MODIFIED,
    header::VARY,
    header::DATE,
    header::EXPIRES,
    header::LINK,
    header::LOCATION,
    header::CONTENT_LANGUAGE,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_DISPOSITION,
    header::CONTENT_LOCATION,
    header::CONTENT_SECURITY_POLICY,
    header::ACCEPT_RANGES,
    header::SERVER,
    header::STRICT_TRANSPORT_SECURITY,
    header::REFERRER_POLICY,
    header::X_CONTENT_TYPE_OPTIONS,
    header::X_FRAME_OPTIONS,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::CACHE_STATUS,
    header::ALT_SVC,
];

pub(super) fn number(name: &HeaderName) -> Option<u8> {
    let place = NAMES.iter().position(|known| known == name)?;
    u8::try_from(place).ok()
}

pub(super) fn name(number: u8) -> Option<HeaderName> {
    NAMES.get(usize::from(number)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_has_a_number_of_its_own() {
        for known in &NAMES {
            assert_eq!(name(number(known).unwrap()).as_ref(), Some(known));
        }
        assert_eq!(number(&HeaderName::from_static("x-own")), None);
        assert_eq!(name(u8::MAX), None);
    }
}
