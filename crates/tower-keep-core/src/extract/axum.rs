use std::mem;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams};
use http::{Extensions, Request};

/// The template of the route that axum has matched, such as `/products/{id}`. Needs the feature `axum`.
///
/// Seen by a layer on a method router, by `route_layer` and by `Router::layer`;
/// not by a layer around the whole `Router`, nor for a fallback.
pub fn matched_path(extensions: &Extensions) -> Option<&str> {
    extensions.get::<MatchedPath>().map(MatchedPath::as_str)
}

/// The parameters of the path that axum has matched, percent-decoded, not parsed. Needs the feature `axum`.
///
/// Seen where [`matched_path`] is. The extensions are the same afterwards.
///
/// # Errors
///
/// If no route was matched, or a parameter is not UTF-8 once it is decoded.
pub fn path_parameters(
    extensions: &mut Extensions,
) -> Result<RawPathParams, RawPathParamsRejection> {
    // axum reads them out of whole request parts only: lend the extensions to an empty request.
    let (mut parts, ()) = Request::new(()).into_parts();
    mem::swap(&mut parts.extensions, extensions);
    let parameters = {
        let future = pin!(RawPathParams::from_request_parts(&mut parts, &()));
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(parameters) => parameters,
            Poll::Pending => unreachable!("axum has the parameters at hand and awaits nothing"),
        }
    };
    mem::swap(&mut parts.extensions, extensions);
    parameters
}
