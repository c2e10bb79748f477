use std::mem;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::extract::connect_info::MockConnectInfo;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, RawPathParams};
use http::request::Parts;
use http::{Extensions, Request};

use super::subject::Origin;
use super::{MissingSubject, Subject, SubjectExtractor};

/// The address in `ConnectInfo`, or in what stands for it in tests.
pub(super) fn peer(extensions: &Extensions) -> Option<SocketAddr> {
    let connected = extensions.get::<ConnectInfo<SocketAddr>>();
    connected.map(|ConnectInfo(address)| *address).or_else(|| {
        let mock = extensions.get::<MockConnectInfo<SocketAddr>>();
        mock.map(|MockConnectInfo(address)| *address)
    })
}

/// The route that axum has matched, by its template: all requests to `/products/{id}` are one subject.
/// Needs the feature `axum`.
///
/// To be taken together with another extractor, as in `(matched_route(), ClientIp::peer())`.
pub fn matched_route() -> MatchedRoute {
    MatchedRoute(())
}

/// See [`matched_route`].
#[derive(Clone, Copy, Debug)]
pub struct MatchedRoute(());

impl SubjectExtractor for MatchedRoute {
    fn subject(&self, parts: &Parts) -> Result<Subject, MissingSubject> {
        match matched_path(&parts.extensions) {
            Some(template) => Ok(Subject::from_parts(Origin::Route, &[template.as_bytes()])),
            None => Err(MissingSubject::in_service(
                "axum has matched no route: add the layer with `Router::route_layer` or to a method router, \
                 not around the whole `Router` nor to a fallback",
            )),
        }
    }
}

/// The template of the route that axum has matched, such as `/products/{id}`. Needs the feature `axum`.
///
/// Seen by a layer on a method router, by `route_layer` and by `Router::layer`;
/// not by a layer around the whole `Router`, nor for a fallback.
pub fn matched_path(extensions: &Extensions) -> Option<&str> {
    extensions.get::<MatchedPath>().map(MatchedPath::as_str)
}

/// The parameters of the path that axum has matched, percent-decoded, not parsed. Needs the feature `axum`.
///
/// Seen where [`matched_path`] is; a fallback has none. The extensions are the same afterwards.
///
/// # Errors
///
/// If no router of axum has seen the request yet, or a parameter is not UTF-8 once it is decoded.
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
