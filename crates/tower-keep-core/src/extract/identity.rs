use http::request::Parts;

use super::subject::Origin;
use super::{MissingSubject, Subject, SubjectExtractor};
use crate::Identity;

/// The [`Identity`] of the request, which the session layer or the application's authentication has set.
///
/// Anonymous requests have none: say with [`SubjectExtractor::or`] what they are counted by.
pub fn identity() -> ByIdentity {
    ByIdentity(())
}

/// See [`identity`].
#[derive(Clone, Copy, Debug)]
pub struct ByIdentity(());

impl SubjectExtractor for ByIdentity {
    fn subject(&self, parts: &Parts) -> Result<Subject, MissingSubject> {
        match parts.extensions.get::<Identity>().map(Identity::as_bytes) {
            Some(name) if !name.is_empty() => Ok(Subject::from_parts(Origin::Identity, &[name])),
            _ => Err(MissingSubject::in_service(
                "the request has no `Identity`: put the layer that sets it outside this one, and count \
                 anonymous requests by something else, as in `identity().or(ClientIp::peer())`",
            )),
        }
    }
}
