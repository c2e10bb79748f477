use std::sync::Arc;

use http::request::Parts;

use super::{MissingSubject, Or, Subject};

/// Names the subject that a request is counted for.
///
/// Implemented for closures `Fn(&Parts) -> Option<S>` where a [`Subject`] can be made of `S` (text, bytes, an address),
/// for tuples of two or three extractors (all of them together are the subject), and for `Arc`s of extractors.
///
/// The same subject MUST come out for all requests of one client, and a client MUST NOT be able to
/// choose it freely, or it escapes its limit or uses up another's.
pub trait SubjectExtractor: Send + Sync {
    /// The subject of the request with these parts.
    ///
    /// # Errors
    ///
    /// [`MissingSubject`] if the request, or the service around it, does not tell.
    fn subject(&self, parts: &Parts) -> Result<Subject, MissingSubject>;

    /// This subject, or where it cannot be had, the other's.
    ///
    /// Subjects of different extractors are never equal, whatever the request carries.
    fn or<E>(self, other: E) -> Or<Self, E>
    where
        Self: Sized,
        E: SubjectExtractor,
    {
        Or::new(self, other)
    }
}

impl<F, S> SubjectExtractor for F
where
    F: Fn(&Parts) -> Option<S> + Send + Sync,
    S: Into<Subject>,
{
    fn subject(&self, parts: &Parts) -> Result<Subject, MissingSubject> {
        self(parts)
            .map(Into::into)
            // Empty, it would be one subject for all who have none.
            .filter(|subject| !subject.is_empty())
            .ok_or_else(|| {
                MissingSubject::in_service(
                    "the closure names no subject for this request: let it name one for \
                     every request, or add another extractor with `.or(..)`",
                )
            })
    }
}

impl<E: SubjectExtractor + ?Sized> SubjectExtractor for Arc<E> {
    fn subject(&self, parts: &Parts) -> Result<Subject, MissingSubject> {
        (**self).subject(parts)
    }
}

// Layers keep their extractor behind a pointer.
fn _is_dyn_compatible(_: &dyn SubjectExtractor) {}
