//! From settings to a service that runs until it is told to stop.

use std::fmt;
use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn;
use axum::serve::ListenerExt;
use metrics_exporter_prometheus::BuildError;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tower_keep::cache::Cache;
use tower_keep::connection::OpenError;

use crate::catalogue::{Catalogue, StartError};
use crate::failure::Failure;
use crate::operations::{self, Operations};
use crate::settings::Settings;
use crate::shop::{self, Shop};
use crate::telemetry;

/// How long requests under way may take once the service was told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until SIGINT or SIGTERM; then finishes the requests under way.
pub(crate) async fn serve(settings: Settings) -> Result<(), ServeError> {
    // Before the database: an address in use is told at once, and early clients wait instead of being refused.
    let listener = TcpListener::bind(settings.listen)
        .await
        .map_err(|error| ServeError::Listen(settings.listen, error))?;
    let mut stop = stop_signal().map_err(ServeError::Signals)?;
    let prometheus = telemetry::install().map_err(ServeError::Metrics)?;

    // Not waited for: without Redis every page is made anew, which is slower and right.
    let redis = settings.redis.open().map_err(ServeError::Redis)?;
    let cache = Cache::new(redis.clone());
    let catalogue = tokio::select! {
        opened = Catalogue::open(settings.database) => opened.map_err(ServeError::Start)?,
        _ = stop.wait_for(|stop| *stop) => return Ok(()),
    };

    let app = Router::new()
        .merge(shop::routes(Shop {
            catalogue: catalogue.clone(),
            cache,
        }))
        .merge(operations::routes(Operations {
            catalogue: catalogue.clone(),
            redis: redis.clone(),
            prometheus,
        }))
        .fallback(async || Failure::NoSuchPage)
        .layer(from_fn(telemetry::count_requests));

    tracing::info!(address = %listener.local_addr().map_err(ServeError::Serve)?, "serving");
    serve_until(listener, app, stop)
        .await
        .map_err(ServeError::Serve)?;
    catalogue.close().await;
    redis.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// A client that holds its request open longer than the grace does not hold the service.
async fn serve_until(
    listener: TcpListener,
    app: Router,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
    });
    let served = axum::serve(listener, app).with_graceful_shutdown(stopped(stop.clone()));
    tokio::select! {
        result = served.into_future() => result,
        () = async { stopped(stop).await; tokio::time::sleep(GRACE).await } => {
            tracing::warn!(grace = ?GRACE, "requests still under way are cut off");
            Ok(())
        }
    }
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the signal task is gone, which only the runtime's end does.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Becomes true at SIGINT or SIGTERM.
fn stop_signal() -> io::Result<watch::Receiver<bool>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        let _ = sender.send(true);
        // Kept so that no receiver sees its sender gone.
        sender.closed().await;
    });
    Ok(receiver)
}

/// Why the service could not start or had to end.
#[derive(Debug)]
pub(crate) enum ServeError {
    Listen(SocketAddr, io::Error),
    Signals(io::Error),
    Metrics(BuildError),
    Redis(OpenError),
    Start(StartError),
    Serve(io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::Signals(error) => write!(f, "cannot watch for signals: {error}"),
            Self::Metrics(error) => write!(f, "cannot install the metrics recorder: {error}"),
            Self::Redis(error) => write!(f, "cannot open the connection to Redis: {error}"),
            Self::Start(error) => error.fmt(f),
            Self::Serve(error) => write!(f, "cannot go on serving: {error}"),
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen(_, error) | Self::Signals(error) | Self::Serve(error) => Some(error),
            Self::Metrics(error) => Some(error),
            Self::Redis(error) => Some(error),
            Self::Start(error) => Some(error),
        }
    }
}
