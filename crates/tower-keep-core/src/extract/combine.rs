use http::request::Parts;

use super::{MissingSubject, Subject, SubjectExtractor};

/// See [`SubjectExtractor::or`].
#[derive(Clone, Copy, Debug)]
pub struct Or<A, B> {
    first: A,
    second: B,
}

impl<A, B> Or<A, B> {
    pub(super) fn new(first: A, second: B) -> Self {
        Self { first, second }
    }
}

impl<A: SubjectExtractor, B: SubjectExtractor> SubjectExtractor for Or<A, B> {
    fn subject(&self, parts: &Parts) -> Result<Subject, MissingSubject> {
        self.first
            .subject(parts)
            .or_else(|_| self.second.subject(parts))
    }
}

impl<A: SubjectExtractor, B: SubjectExtractor> SubjectExtractor for (A, B) {
    fn subject(&self, parts: &Parts) -> Result<Subject, MissingSubject> {
        let subjects = [self.0.subject(parts)?, self.1.subject(parts)?];
        Ok(Subject::together(&subjects))
    }
}

impl<A, B, C> SubjectExtractor for (A, B, C)
where
    A: SubjectExtractor,
    B: SubjectExtractor,
    C: SubjectExtractor,
{
    fn subject(&self, parts: &Parts) -> Result<Subject, MissingSubject> {
        let subjects = [
            self.0.subject(parts)?,
            self.1.subject(parts)?,
            self.2.subject(parts)?,
        ];
        Ok(Subject::together(&subjects))
    }
}
