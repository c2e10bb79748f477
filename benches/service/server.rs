//! The service that is measured.

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::serve::ListenerExt;
use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tower_keep::cache::Cache;
use tower_keep::connection::{Backend, ConnectionManager, Key, Profile, Redis, SetOptions};

use crate::{BODIES, Failure};

const PATIENCE: Duration = Duration::from_secs(5);

/// Serves until our standard input closes, that is, until whoever measures has ended.
pub(crate) async fn serve(redis_url: &str) -> Result<(), Failure> {
    // Patient: what a busy machine makes of the defaults is not what is measured.
    let manager = ConnectionManager::builder(redis_url)?
        .command_timeout(PATIENCE)
        .stall_age(PATIENCE)
        .open()?;
    manager.connected(Duration::from_secs(10)).await?;
    let Backend::Redis(redis) = manager.attach(&Profile::CACHE) else {
        return Err("a Redis is wanted".into());
    };
    for size in BODIES {
        redis
            .set(key(size), body(size), SetOptions::default())
            .await?;
    }
    let cache = Cache::new(manager)
        .layer()
        .ttl(Duration::from_secs(3600))
        .tag("body:{size}");
    let app = Router::new()
        .route("/plain/{size}", get(plain))
        .route("/get/{size}", get(bare_get))
        .route("/cache/{size}", get(plain).layer(cache))
        .with_state(redis);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    tokio::select! {
        served = axum::serve(listener, app) => Ok(served?),
        _ = async { tokio::io::stdin().read(&mut [0]).await } => Ok(()),
    }
}

async fn plain(Path(size): Path<usize>) -> Bytes {
    body(size)
}

async fn bare_get(
    State(redis): State<Redis>,
    Path(size): Path<usize>,
) -> Result<Bytes, StatusCode> {
    match redis.get(key(size)).await {
        Ok(Some(body)) => Ok(body),
        _ => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}

fn key(size: usize) -> Key {
    Key::from(format!("bench:{size}"))
}

/// Free of charge: the handler is not what is measured.
fn body(size: usize) -> Bytes {
    static LARGEST: [u8; BODIES[1]] = [b'x'; BODIES[1]];
    Bytes::from_static(&LARGEST[..size.min(LARGEST.len())])
}
