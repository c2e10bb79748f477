//! From settings to a gateway that runs until it is told to stop.

use std::convert::Infallible;
use std::fmt;
use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::serve::ListenerExt;
use http::{Request, Response};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tower::make::Shared;
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt};
use tower_keep::cache::{Cache, ResponseCacheLayer};
use tower_keep::connection::{ConnectionManager, OpenError};

use crate::settings::{Caching, Settings};
use crate::upstream::Upstream;

/// How long requests under way may take once the gateway was told to stop.
const GRACE: Duration = Duration::from_secs(10);

type Stack = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// Serves until SIGINT or SIGTERM; then finishes the requests under way.
pub(crate) async fn serve(settings: Settings) -> Result<(), ServeError> {
    let listener = TcpListener::bind(settings.listen)
        .await
        .map_err(|error| ServeError::Listen(settings.listen, error))?;
    let interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    let terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let address = listener.local_addr().map_err(ServeError::Serve)?;

    let upstream = Upstream::new(settings.upstream, settings.upstream_timeout);
    let (stack, redis) = match settings.caching {
        None => (BoxCloneSyncService::new(upstream), None),
        Some(caching) => {
            // Not waited for: without Redis every request goes to the upstream, which is slower and right.
            let (layer, redis) = open(caching)?;
            (cached(&layer, upstream), Some(redis))
        }
    };
    tracing::info!(%address, "serving");
    serve_until(listener, stack, stopped(interrupt, terminate))
        .await
        .map_err(ServeError::Serve)?;
    if let Some(redis) = redis {
        redis.close().await;
    }
    tracing::info!("stopped");
    Ok(())
}

fn open(caching: Caching) -> Result<(ResponseCacheLayer, ConnectionManager), ServeError> {
    let redis = caching.redis.open().map_err(ServeError::Redis)?;
    let mut layer = Cache::new(redis.clone()).layer();
    if caching.strict {
        layer = layer.strict();
    }
    if let Some(ttl) = caching.ttl {
        layer = layer.ttl(ttl);
    }
    if let Some(window) = caching.stale_while_revalidate {
        layer = layer.stale_while_revalidate(window);
    }
    if let Some(window) = caching.stale_if_error {
        layer = layer.stale_if_error(window);
    }
    layer = match &caching.key_query {
        None => layer.sorted_query(),
        Some(names) => layer.query_keys(names.iter().map(String::as_str)),
    };
    Ok((layer, redis))
}

/// One type for every stack, so that what is off costs nothing and need not be named.
fn cached(layer: &ResponseCacheLayer, upstream: Upstream) -> Stack {
    let cached = layer.layer(upstream);
    BoxCloneSyncService::new(cached.map_response(|response: Response<_>| response.map(Body::new)))
}

/// A client that holds its request open longer than the grace does not hold the gateway.
async fn serve_until(
    listener: TcpListener,
    stack: Stack,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
    });
    let (told, mut stopping) = watch::channel(false);
    let stop = async move {
        stop.await;
        let _ = told.send(true);
        // Kept, so that nobody takes its end for the word to stop.
        told.closed().await;
    };
    let mut graceful = stopping.clone();
    let served = axum::serve(listener, Shared::new(stack)).with_graceful_shutdown(async move {
        let _ = graceful.wait_for(|stop| *stop).await;
    });
    let signals = tokio::spawn(stop);
    let result = tokio::select! {
        result = served.into_future() => result,
        () = async { let _ = stopping.wait_for(|stop| *stop).await; tokio::time::sleep(GRACE).await } => {
            tracing::warn!(grace = ?GRACE, "requests still under way are cut off");
            Ok(())
        }
    };
    signals.abort();
    result
}

async fn stopped(mut interrupt: Signal, mut terminate: Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Why the gateway could not start or had to end.
#[derive(Debug)]
pub(crate) enum ServeError {
    Listen(SocketAddr, io::Error),
    Signals(io::Error),
    Redis(OpenError),
    Serve(io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::Signals(error) => write!(f, "cannot watch for signals: {error}"),
            Self::Redis(error) => write!(f, "cannot open the connection to Redis: {error}"),
            Self::Serve(error) => write!(f, "cannot go on serving: {error}"),
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen(_, error) | Self::Signals(error) | Self::Serve(error) => Some(error),
            Self::Redis(error) => Some(error),
        }
    }
}
