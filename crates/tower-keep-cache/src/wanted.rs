use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, Method, Request, Response, StatusCode, header::CACHE_STATUS};
use http_body::Body as HttpBody;
use tower_keep_core::Body;

use crate::{
    answer::without_body,
    entry::Entry,
    policy::{Portion, Representation, RequestDirectives, Serving, keep_what_a_304_says, portion},
    route::Question,
};

/// What the client of a request wants of the answer, whoever makes it and however much is made.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Only what it would get.
    pub(crate) head: bool,
    /// The headers of its request, where some of them are conditions or ranges. Boxed, so that nobody else carries the room.
    conditions: Option<Box<HeaderMap>>,
    directives: RequestDirectives,
}

impl Wanted {
    pub(crate) fn of<B>(request: &Request<B>, question: &Question) -> Self {
        Self {
            head: *request.method() == Method::HEAD,
            conditions: question
                .conditional
                .then(|| Box::new(request.headers().clone())),
            directives: question.directives,
        }
    }

    /// Whether an entry of this age is good enough for the client.
    pub(crate) fn serving(&self, entry: &Entry, age: Duration) -> Serving {
        match entry.stale.serving(age, entry.ttl, &self.directives) {
            // What the client means may be newer than what is stored: the handler knows.
            _ if self.of_entry(entry) == Portion::Failed => Serving::MustRevalidate,
            serving => serving,
        }
    }

    /// What the client gets of an entry.
    pub(crate) fn of_entry(&self, entry: &Entry) -> Portion {
        match &self.conditions {
            None => Portion::Whole,
            Some(_) => self.portion(Representation {
                status: entry.status,
                headers: &entry.headers,
                length: Some(entry.body.len() as u64),
                received: UNIX_EPOCH + Duration::from_millis(entry.stored_at),
            }),
        }
    }

    /// What the client gets of an answer that has just begun. Its body may be on its way for others as well, who want all
    /// of it.
    pub(crate) fn of_answer<B>(&self, response: Response<Body<B>>) -> Response<Body<B>>
    where
        B: HttpBody<Data = bytes::Bytes>,
    {
        let portion = self.portion(Representation {
            status: response.status(),
            headers: response.headers(),
            length: None,
            received: SystemTime::now(),
        });
        match portion {
            Portion::NotModified => not_modified(response.into_parts().0.headers),
            Portion::Failed => failed(response.headers()),
            _ if self.head => without_body(response),
            _ => response,
        }
    }

    fn portion(&self, answer: Representation<'_>) -> Portion {
        let Some(conditions) = &self.conditions else {
            return Portion::Whole;
        };
        let method = if self.head { Method::HEAD } else { Method::GET };
        portion(&method, conditions, answer, SystemTime::now())
    }
}

/// The client has the answer with this head already.
pub(crate) fn not_modified<B: HttpBody>(mut headers: HeaderMap) -> Response<Body<B>> {
    keep_what_a_304_says(&mut headers);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.headers_mut() = headers;
    response
}

/// It is not the one that the client means, which gets nothing of it.
fn failed<B: HttpBody>(answer: &HeaderMap) -> Response<Body<B>> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::PRECONDITION_FAILED;
    for said in answer.get_all(CACHE_STATUS) {
        response.headers_mut().append(CACHE_STATUS, said.clone());
    }
    response
}
