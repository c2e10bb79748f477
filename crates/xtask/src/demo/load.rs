//! Requests as visitors would make them.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::pages::Pages;
use crate::failure::{Doing, Failure, Outcome};
use crate::http::Connection;

/// Requests at once in a burst.
const CONNECTIONS: u64 = 16;

/// The background load ends by itself, should its terminal be forgotten.
const LONGEST: Duration = Duration::from_secs(600);
const EVERY: Duration = Duration::from_millis(10);

/// What a burst saw.
#[derive(Clone, Copy, Debug)]
pub(super) struct Burst {
    pub(super) requests: u64,
    pub(super) slowest: Duration,
}

/// Asks for `requests` pages, 16 at a time. Each has to be answered with 200.
pub(super) async fn burst(address: SocketAddr, requests: u64) -> Outcome<Burst> {
    let mut visitors = JoinSet::new();
    for visitor in 0..CONNECTIONS {
        let share = requests / CONNECTIONS + u64::from(visitor < requests % CONNECTIONS);
        visitors.spawn(visit(address, share, Pages::new(visitor)));
    }
    let mut slowest = Duration::ZERO;
    while let Some(visited) = visitors.join_next().await {
        slowest = slowest.max(visited.doing("a visitor")??);
    }
    Ok(Burst { requests, slowest })
}

async fn visit(address: SocketAddr, requests: u64, mut pages: Pages) -> Outcome<Duration> {
    let mut connection = Connection::open(address).await.doing("cannot connect")?;
    let mut slowest = Duration::ZERO;
    for _ in 0..requests {
        let page = pages.next();
        let start = Instant::now();
        let response = connection
            .get(&page)
            .await
            .doing(format_args!("GET {page}"))?;
        slowest = slowest.max(start.elapsed());
        if response.status != 200 {
            return Err(Failure::new(format!(
                "GET {page} was answered with {}: {}",
                response.status,
                response.text()
            )));
        }
    }
    Ok(slowest)
}

/// About 100 requests per second, one of 50 an edit, for ten minutes at most; failures are made up for by going on.
pub(super) async fn background(address: SocketAddr) {
    let end = Instant::now() + LONGEST;
    let mut pages = Pages::new(7);
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connection = None;
    for number in 0_u64.. {
        tick.tick().await;
        if Instant::now() >= end {
            return;
        }
        let mut open = match connection.take() {
            Some(open) => open,
            None => match Connection::open(address).await {
                Ok(open) => open,
                Err(_) => continue,
            },
        };
        let answer = if number % 50 == 49 {
            let edit = format!(
                r#"{{"name":"Edited {number}","price_cents":{}}}"#,
                100 + number
            );
            open.put(&format!("/products/{}", pages.product()), &edit)
                .await
        } else {
            open.get(&pages.next()).await
        };
        connection = answer.is_ok().then_some(open);
    }
}
