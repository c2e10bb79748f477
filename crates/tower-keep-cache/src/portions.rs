use bytes::Bytes;
use http::{
    HeaderMap, Response, StatusCode,
    header::{CONTENT_RANGE, CONTENT_TYPE},
};
use http_body::Body as HttpBody;
use tower_keep_core::Body;

use crate::{
    entry::Entry,
    policy::{Boundary, Portion, Span, byteranges, content_range, unsatisfied_range},
    wanted::not_modified,
};

/// Less than all of an entry. The whole of it is not made here.
pub(crate) fn portion_of<B: HttpBody>(entry: &Entry, portion: Portion) -> Response<Body<B>> {
    match portion {
        Portion::NotModified => not_modified(entry.headers.clone()),
        Portion::Part(span) => part(entry, &span),
        Portion::Parts(spans) => parts(entry, &spans),
        Portion::Unsatisfiable => {
            // RFC 9110 section 15.5.17: how much there is, for who asks again.
            let length = entry.body.len() as u64;
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            response
                .headers_mut()
                .insert(CONTENT_RANGE, unsatisfied_range(length));
            response
        }
        Portion::Failed => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::PRECONDITION_FAILED;
            response
        }
        Portion::Whole => partial(entry.headers.clone(), entry.body.clone(), entry.status),
    }
}

/// RFC 9110 section 15.3.7.1.
fn part<B: HttpBody>(entry: &Entry, span: &Span) -> Response<Body<B>> {
    let mut headers = entry.headers.clone();
    headers.insert(CONTENT_RANGE, content_range(span, entry.body.len() as u64));
    let body = entry.body.slice(span.start as usize..span.end as usize);
    partial(headers, body, StatusCode::PARTIAL_CONTENT)
}

/// RFC 9110 section 15.3.7.2: the type of the content stands in each part.
fn parts<B: HttpBody>(entry: &Entry, spans: &[Span]) -> Response<Body<B>> {
    let mut seed = [0; 16];
    if getrandom::fill(&mut seed).is_err() {
        // Ranges are a favour.
        return portion_of(entry, Portion::Whole);
    }
    let boundary = Boundary::new(u128::from_ne_bytes(seed), &entry.body);
    let mut headers = entry.headers.clone();
    let kind = headers.insert(CONTENT_TYPE, boundary.content_type());
    let body = byteranges(&entry.body, spans, kind.as_ref(), &boundary);
    partial(headers, body, StatusCode::PARTIAL_CONTENT)
}

/// Without trailers, which are about the whole body.
fn partial<B: HttpBody>(headers: HeaderMap, body: Bytes, status: StatusCode) -> Response<Body<B>> {
    let mut response = Response::new(Body::stored(body, None));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
