use std::{any::Any, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, Response, StatusCode,
    header::{AGE, CONTENT_LENGTH},
};
use http_body::Body as HttpBody;
use tower_keep_core::Body;

use crate::{
    entry::Entry,
    fill::Failure,
    policy::{Detail, Forward, Forwarded, Handling, Portion, number},
    portions::portion_of,
    route::Route,
    wanted::Wanted,
};

const COLLAPSED: Handling = Handling::Forwarded(Forwarded {
    collapsed: true,
    detail: None,
    status: None,
    stored: false,
    ttl: None,
    why: Forward::UriMiss,
});

/// Answers that do not come from the handler of this request.
impl Route {
    /// A stored answer, or what is wanted of it.
    pub(crate) fn hit<B: HttpBody>(
        &self,
        entry: Arc<Entry>,
        age: Duration,
        wanted: &Wanted,
    ) -> Response<Body<B>> {
        let handling = Handling::Hit {
            ttl: entry.fresh_seconds(age),
        };
        self.stored(entry, age, wanted, handling)
    }

    /// The answer to another request, for one that has waited for it: no younger, if it came from yet another cache.
    pub(crate) fn collapsed<B: HttpBody>(
        &self,
        entry: Arc<Entry>,
        wanted: &Wanted,
    ) -> Response<Body<B>> {
        let age = entry.age(Entry::now());
        self.stored(entry, age, wanted, COLLAPSED)
    }

    /// What is stored, for who has asked the handler in vain. `status`: what that has answered, if anything.
    pub(crate) fn stale<B: HttpBody>(
        &self,
        entry: Arc<Entry>,
        wanted: &Wanted,
        status: Option<StatusCode>,
    ) -> Response<Body<B>> {
        let age = entry.age(Entry::now());
        let forwarded = Forwarded {
            status,
            ttl: Some(entry.fresh_seconds(age)),
            why: Forward::Stale,
            ..Forwarded::default()
        };
        self.stored(entry, age, wanted, Handling::Forwarded(forwarded))
    }

    fn stored<B: HttpBody>(
        &self,
        entry: Arc<Entry>,
        age: Duration,
        wanted: &Wanted,
        handling: Handling,
    ) -> Response<Body<B>> {
        let mut response = match wanted.of_entry(&entry) {
            Portion::Whole => match Arc::try_unwrap(entry) {
                // Fresh from Redis, it is nobody else's.
                Ok(own) => moved(own, wanted.head),
                Err(shared) => copied(&shared, wanted.head),
            },
            portion => portion_of(&entry, portion),
        };
        let headers = response.headers_mut();
        headers.insert(AGE, number::value(age.as_secs()));
        self.cache_status.append(headers, handling);
        response
    }

    /// The failure of the handler that this request has waited for.
    pub(crate) fn failed<B: HttpBody>(
        &self,
        failure: &(dyn Any + Send + Sync),
        head: bool,
    ) -> Response<Body<B>> {
        match failure.downcast_ref() {
            Some(Failure::Answer(entry)) => {
                let mut response = copied(entry, head);
                self.cache_status.append(response.headers_mut(), COLLAPSED);
                response
            }
            // Nobody here has had a byte of it, so that it can be told as what it is.
            Some(Failure::BrokenOff | Failure::NoAnswer) | None => {
                let handling = Handling::Forwarded(Forwarded {
                    detail: Some(Detail::BodyFailed),
                    ..Forwarded::default()
                });
                self.bare(StatusCode::INTERNAL_SERVER_ERROR, handling)
            }
        }
    }

    /// A status and no more.
    pub(crate) fn bare<B: HttpBody>(
        &self,
        status: StatusCode,
        handling: Handling,
    ) -> Response<Body<B>> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        self.cache_status.append(response.headers_mut(), handling);
        response
    }
}

fn moved<B: HttpBody>(entry: Entry, head: bool) -> Response<Body<B>> {
    let length = entry.body.len();
    let mut response = Response::new(if head {
        Body::empty()
    } else {
        Body::stored(entry.body, entry.trailers)
    });
    *response.status_mut() = entry.status;
    *response.headers_mut() = entry.headers;
    if head {
        say_length(entry.status, response.headers_mut(), length as u64);
    }
    response
}

fn copied<B: HttpBody>(entry: &Entry, head: bool) -> Response<Body<B>> {
    let mut response = Response::new(if head {
        Body::empty()
    } else {
        Body::stored(entry.body.clone(), entry.trailers.clone())
    });
    *response.status_mut() = entry.status;
    let headers = response.headers_mut();
    headers.reserve(entry.headers.keys_len() + Entry::ROOM);
    for (name, value) in &entry.headers {
        headers.append(name, value.clone());
    }
    if head {
        say_length(entry.status, headers, entry.body.len() as u64);
    }
    response
}

/// What HEAD gets of an answer to GET; the body goes on without its client, for the cache.
pub(crate) fn without_body<B>(response: Response<Body<B>>) -> Response<Body<B>>
where
    B: HttpBody<Data = Bytes>,
{
    let (mut parts, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        say_length(parts.status, &mut parts.headers, length);
    }
    Response::from_parts(parts, Body::empty())
}

/// The length that GET would have, which a server reads off the body that HEAD does not get.
fn say_length(status: StatusCode, headers: &mut HeaderMap, length: u64) {
    // RFC 9110 section 8.6: no length where there is never content.
    let has_content = status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED;
    if has_content && !headers.contains_key(CONTENT_LENGTH) {
        headers.insert(CONTENT_LENGTH, number::value(length));
    }
}
