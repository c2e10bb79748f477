//! What a hit and a miss of the cache layer send to Redis, and what an entry costs there beyond what it holds.
//!
//! `cargo bench --bench footprint`

mod setup;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use testkit::{RedisServer, resp};
use tower::ServiceExt;
use tower_keep::cache::Cache;
use tower_keep::connection::ConnectionManager;
use tower_layer::Layer;

use setup::service::{Handler, Requests};

const REQUESTS: usize = 64;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for length in [0, 1024, 100 * 1024] {
        measure(length).await;
    }
}

async fn measure(length: usize) {
    let server = RedisServer::start().await;
    let mut client = server.client().await;
    let manager =
        ConnectionManager::open(&format!("{}?probe_interval=60s", server.url())).expect("a URL");
    manager
        .connected(Duration::from_secs(10))
        .await
        .expect("a running Redis");
    let cache = Cache::new(manager);
    let service = cache
        .layer()
        .ttl(Duration::from_secs(600))
        .tag("products")
        .layer(Handler::new(length));
    let requests = Requests::new(Method::GET);

    println!("body of {length} bytes");
    for what in ["miss", "hit"] {
        let before = commands(&mut client).await;
        for n in 0..REQUESTS {
            let request: Request<Full<Bytes>> = requests.make(n);
            let response = service.clone().oneshot(request).await.expect("infallible");
            response.into_body().collect().await.expect("a whole body");
        }
        // What a miss does in the background.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let sent = commands(&mut client)
            .await
            .into_iter()
            .filter_map(|(name, after)| {
                let sent = after - before.get(&name).copied().unwrap_or(0);
                (sent > 0 && name != "info")
                    .then(|| format!("{name} {:.2}", sent as f64 / REQUESTS as f64))
            });
        println!(
            "  {what}: commands per request, those inside scripts too: {}",
            sent.collect::<Vec<_>>().join(", ")
        );
    }

    let (key, stored) = largest(&mut client).await;
    let headers: usize = [
        ("content-type", "application/json"),
        ("cache-control", "public, max-age=600"),
    ]
    .map(|(name, value)| name.len() + value.len())
    .iter()
    .sum();
    println!(
        "  entry: key {} bytes, value {stored} bytes: {} over body and headers",
        key.len(),
        stored - length - headers
    );
}

/// How often each command was called.
async fn commands(client: &mut resp::Client) -> BTreeMap<String, u64> {
    let info = client.command(&[b"INFO", b"commandstats"]).await;
    let line = |line: &str| {
        let (name, stats) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), stats.split(',').next()?.parse().ok()?))
    };
    info.text().lines().filter_map(line).collect()
}

/// The key with the longest string, which is an entry.
async fn largest(client: &mut resp::Client) -> (String, usize) {
    let mut largest = (String::new(), 0);
    for key in client.command(&[b"KEYS", b"*"]).await.array() {
        let reply = client.command(&[b"STRLEN", key.text().as_bytes()]).await;
        if let resp::Reply::Integer(length) = reply {
            if length as usize > largest.1 {
                largest = (key.text().to_owned(), length as usize);
            }
        }
    }
    largest
}
