use std::borrow::Cow;

use http::header::COOKIE;
use http::request::Parts;

use super::subject::Origin;
use super::{MissingSubject, Subject, SubjectExtractor};

/// The value of the cookie of this name ([RFC 6265 §4.2](https://www.rfc-editor.org/rfc/rfc6265#section-4.2)).
///
/// An absent or empty cookie names no subject. Of several with one name the first counts, which browsers choose to be the
/// most specific one (§5.4).
/// Only for values that are checked before this layer: else a client takes a new one for each request.
///
/// # Panics
///
/// If `name` cannot be the name of a cookie.
#[track_caller]
pub fn cookie(name: impl Into<Cow<'static, str>>) -> Cookie {
    let name = name.into();
    let is_token = |c: u8| c.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&c);
    assert!(
        !name.is_empty() && name.bytes().all(is_token),
        "{name:?} cannot be the name of a cookie"
    );
    Cookie(name)
}

/// See [`cookie`].
#[derive(Clone, Debug)]
pub struct Cookie(Cow<'static, str>);

impl SubjectExtractor for Cookie {
    fn subject(&self, parts: &Parts) -> Result<Subject, MissingSubject> {
        let value = parts
            .headers
            // HTTP/2 clients may send each cookie in a line of its own: RFC 9113 §8.2.3.
            .get_all(COOKIE)
            .iter()
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
            .find_map(|pair| {
                let pair = pair.trim_ascii();
                let (name, value) = pair.split_at_checked(self.0.len())?;
                (name == self.0.as_bytes())
                    .then(|| value.strip_prefix(b"="))
                    .flatten()
            });
        match value {
            Some(value) if !value.is_empty() => Ok(Subject::named(Origin::Cookie, &self.0, value)),
            _ => Err(MissingSubject::in_request(format!(
                "the request has no cookie `{}`",
                self.0
            ))),
        }
    }
}
