//! A page that takes a second to make, and is made once. Needs no service: `cargo run --example hello`, then
//!
//! ```text
//! curl -i http://127.0.0.1:3000/hello/world             # a second
//! curl -i http://127.0.0.1:3000/hello/world             # at once, and it says so: Cache-Status, Age
//! curl -X POST http://127.0.0.1:3000/forget/world       # the next one is made anew
//! ```

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tower_keep::cache::Cache;
use tower_keep::connection::ConnectionManager;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // redis://127.0.0.1/ instead of memory: shares the pages with other processes.
    let cache = Cache::new(ConnectionManager::open("memory:")?);
    let layer = cache
        .layer()
        .ttl(Duration::from_secs(60))
        .tag("name:{name}");
    let app = Router::new()
        .route("/hello/{name}", get(hello).layer(layer))
        .route("/forget/{name}", post(forget))
        .with_state(cache);
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

async fn hello(Path(name): Path<String>) -> String {
    tokio::time::sleep(Duration::from_secs(1)).await;
    format!("Hello, {name}!\n")
}

async fn forget(State(cache): State<Cache>, Path(name): Path<String>) -> StatusCode {
    match cache.invalidate([format!("name:{name}")]).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::ACCEPTED,
    }
}
