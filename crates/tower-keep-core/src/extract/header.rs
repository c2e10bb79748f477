use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderName;
use http::request::Parts;

use super::subject::Origin;
use super::{MissingSubject, Subject, SubjectExtractor};

/// The value of the header of this name, such as `x-api-key`.
///
/// A header that is absent, empty or there more than once names no subject.
/// Only for values that are checked before this layer, or costly to get: else a client takes a new one for each request.
///
/// # Panics
///
/// If `name` cannot be the name of a header.
#[track_caller]
pub fn header(name: &str) -> Header {
    Header(header_name(name))
}

/// See [`header`].
#[derive(Clone, Debug)]
pub struct Header(HeaderName);

impl SubjectExtractor for Header {
    fn subject(&self, parts: &Parts) -> Result<Subject, MissingSubject> {
        let value = only_value(parts, &self.0)?;
        Ok(Subject::named(Origin::Header, self.0.as_str(), value))
    }
}

/// The value of the gRPC metadata of this name, which travels as a header. Names ending in `-bin` have binary values in base64
/// ([Custom-Metadata](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests)): padded or not, they are
/// the same subject.
///
/// For other names the subject is that of [`header`], so that a service that speaks both counts once.
///
/// # Panics
///
/// If `name` cannot be the name of metadata.
#[track_caller]
pub fn metadata(name: &str) -> Metadata {
    Metadata(header_name(name))
}

/// See [`metadata`].
#[derive(Clone, Debug)]
pub struct Metadata(HeaderName);

/// Who sends base64 may pad it or not.
const BINARY: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl SubjectExtractor for Metadata {
    fn subject(&self, parts: &Parts) -> Result<Subject, MissingSubject> {
        let name = self.0.as_str();
        let value = only_value(parts, &self.0)?;
        if !name.ends_with("-bin") {
            return Ok(Subject::named(Origin::Header, name, value));
        }
        match BINARY.decode(value) {
            Ok(value) if !value.is_empty() => Ok(Subject::named(Origin::Header, name, &value)),
            _ => Err(MissingSubject::in_request(format!(
                "the metadata `{name}` is not one value in base64"
            ))),
        }
    }
}

#[track_caller]
fn header_name(name: &str) -> HeaderName {
    match name.parse() {
        Ok(name) => name,
        Err(_) => panic!("{name:?} cannot be the name of a header"),
    }
}

fn only_value<'a>(parts: &'a Parts, name: &HeaderName) -> Result<&'a [u8], MissingSubject> {
    let mut values = parts.headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() => Ok(value.as_bytes()),
        // Whoever reads it further in might take the other one.
        (Some(_), Some(_)) => Err(MissingSubject::in_request(format!(
            "the request has the header `{name}` more than once"
        ))),
        _ => Err(MissingSubject::in_request(format!(
            "the request has no header `{name}`"
        ))),
    }
}
