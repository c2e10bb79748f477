use std::{
    borrow::Cow,
    future::Future,
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use tower_keep_core::{Body, RedisBudget};
use tower_service::Service;

use crate::{
    engine::{Engine, Scope},
    future::{ResponseFuture, Served},
    policy::{Bypass, Handling, Resource, say_key},
    route::Route,
    serve::{at_hand, serve},
    telemetry::{Owner, OwnerSlot},
    write::write,
};

/// The service that [`ResponseCacheLayer`](crate::ResponseCacheLayer) makes.
#[derive(Clone, Debug)]
pub struct ResponseCache<S> {
    inner: S,
    engine: Arc<Engine>,
    route: Arc<Route>,
    owner: OwnerSlot,
}

impl<S> ResponseCache<S> {
    pub(crate) fn new(inner: S, engine: Arc<Engine>, route: Arc<Route>) -> Self {
        Self {
            inner,
            engine,
            route,
            owner: OwnerSlot::default(),
        }
    }

    /// The service that is asked when the cache has no answer.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service that is asked when the cache has no answer.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service without the cache.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone> ResponseCache<S> {
    /// The service that is ready is this one, a clone need not be:
    /// <https://docs.rs/tower/latest/tower/trait.Service.html#be-careful-when-cloning-inner-services>
    fn take_inner(&mut self) -> S {
        let clone = self.inner.clone();
        mem::replace(&mut self.inner, clone)
    }
}

impl<S> ResponseCache<S> {
    fn owner<B>(&self, request: &Request<B>) -> Cow<'_, Arc<Owner>> {
        let owners = &self.engine.owners;
        self.owner
            .owner(owners, &self.route.name, request.extensions())
    }

    fn bypass<ReqB, ResB: HttpBody>(
        &mut self,
        mut request: Request<ReqB>,
        why: Bypass,
    ) -> ResponseFuture<S::Future, ResB, S::Error>
    where
        S: Service<Request<ReqB>, Response = Response<ResB>>,
    {
        self.owner(&request).bypassed(why);
        if Scope::is_open() {
            // What this layer has no part in may be kept by one around it, which needs the tags of this route.
            if let Ok(tags) = self.route.tags(&mut request) {
                Scope::report_named(&tags);
            }
        }
        let status = self.route.cache_status.value(Handling::Bypassed(why));
        ResponseFuture::bypassed(self.inner.call(request), status)
    }
}

impl<S> ResponseCache<S> {
    fn write<ReqB, ResB, F>(
        &mut self,
        request: Request<ReqB>,
        resource: Resource,
    ) -> ResponseFuture<F, ResB, S::Error>
    where
        S: Service<Request<ReqB>, Response = Response<ResB>, Future = F>,
        S::Error: Send + 'static,
        F: Future<Output = Result<Response<ResB>, S::Error>> + Send + 'static,
        ResB: HttpBody + Send + 'static,
    {
        self.owner(&request).bypassed(Bypass::Method);
        let status = Handling::Bypassed(Bypass::Method);
        let status = self.route.cache_status.value(status);
        let answer = self.inner.call(request);
        let (engine, route) = (Arc::clone(&self.engine), Arc::clone(&self.route));
        ResponseFuture::cached(Box::pin(write(engine, route, answer, resource, status)))
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for ResponseCache<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Error: Send + 'static,
    S::Future: Send + 'static,
    ReqB: HttpBody + Send + 'static,
    ResB: HttpBody<Data = Bytes> + Send + 'static,
    ResB::Error: Send + 'static,
{
    type Response = Response<Body<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResB, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        let question = match self.route.question(&mut request) {
            Ok(question) => question,
            Err(why) => {
                return match self.route.written(&request) {
                    Some(resource) => self.write(request, resource),
                    None => self.bypass(request, why),
                };
            }
        };
        let key = self.route.says_key.then(|| question.key.print());
        let owner = || self.owner(&request);
        let at_hand = at_hand(&self.engine, &self.route, &request, &question, owner);
        if let Some(mut response) = at_hand {
            // What the inner service has reserved when it became ready is given back.
            drop(self.take_inner());
            if let Some(key) = key {
                say_key(response.headers_mut(), &key);
            }
            return ResponseFuture::answered(response);
        }
        let tags = match self.route.tags(&mut request) {
            Ok(tags) => tags,
            Err(why) => return self.bypass(request, why),
        };
        let owner = self.owner(&request).into_owned();
        let budget = request.extensions().get::<RedisBudget>().cloned();
        let inner = self.take_inner();
        let (engine, route) = (Arc::clone(&self.engine), Arc::clone(&self.route));
        let served = serve(engine, route, inner, request, question, tags, owner);
        let served: Served<ResB, S::Error> = match budget {
            Some(budget) => Box::pin(budget.scope(served)),
            None => Box::pin(served),
        };
        ResponseFuture::cached(match key {
            None => served,
            Some(key) => Box::pin(async move {
                let mut response = served.await?;
                say_key(response.headers_mut(), &key);
                Ok(response)
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::Full;
    use tower::service_fn;
    use tower_keep_core::connection::ConnectionManager;
    use tower_layer::Layer;

    use super::*;
    use crate::{Cache, look::look, wanted::Wanted};

    /// What is larger glibc does not keep at hand for the thread, and every hit would pay some hundred instructions more.
    #[tokio::test]
    async fn the_boxes_of_a_request_have_at_most_1032_bytes() {
        let cache = Cache::new(ConnectionManager::open("memory:").unwrap());
        let handler = |_: Request<Full<Bytes>>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        };
        let ResponseCache {
            inner,
            engine,
            route,
            owner: _,
        } = cache.layer().layer(service_fn(handler));
        let mut request = Request::new(Full::<Bytes>::default());
        let question = route.question(&mut request).unwrap();
        let wanted = Wanted::of(&request, &question);
        let look = look(&engine, &route, &question, request.headers(), &wanted, &[]);
        let owner = engine.owners.owner("route");
        let question = route.question(&mut Request::new(Full::<Bytes>::default()));
        let sizes = [
            size_of_val(&look),
            size_of_val(&serve(
                Arc::clone(&engine),
                Arc::clone(&route),
                inner,
                Request::new(Full::default()),
                question.unwrap(),
                Vec::new(),
                owner,
            )),
        ];
        assert!(sizes.iter().all(|&size| size <= 1032), "{sizes:?}");
    }
}
