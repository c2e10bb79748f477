//! How many `GET`s a second the connection manager brings, beside the client library alone and beside redis-rs.
//!
//! One connection each, 1, 64 and 512 callers that ask again as soon as they are answered. The three take turns, so that
//! whatever else the machine does happens to all of them, and ratios are made within a turn.
//!
//! `cargo xtask bench --connection` runs it.

mod get;

use std::fmt;
use std::time::Duration;

use testkit::RedisServer;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower_keep::connection::{Backend, ConnectionManager, Profile, SetOptions};

use get::{Get, KEY, bare, redis_rs};

const TURNS: usize = 7;
const EACH: Duration = Duration::from_secs(1);
const CALLERS: [usize; 3] = [1, 64, 512];
const LENGTH: usize = 1024;

#[tokio::main]
async fn main() {
    let server = RedisServer::start().await;
    // Patient: what a busy machine makes of the defaults is not what is measured.
    let url = format!("{}?command_timeout=5s&stall_age=5s", server.url());
    let manager = ConnectionManager::open(&url).expect("a URL");
    let connected = manager.connected(Duration::from_secs(10)).await;
    connected.expect("a running Redis");
    let Backend::Redis(redis) = manager.attach(&Profile::CACHE) else {
        unreachable!("the URL is that of a server")
    };
    let stored = redis.set(KEY.into(), vec![b'x'; LENGTH].into(), SetOptions::default());
    stored.await.expect("a running Redis");
    let (bare, redis_rs) = (bare(&server.url()).await, redis_rs(&server.url()).await);

    println!("GET of {LENGTH} bytes, {TURNS} turns of {EACH:?} each, medians");
    for callers in CALLERS {
        let mut turns = Vec::new();
        for turn in 0..TURNS {
            let mut rates = [0.0; 3];
            // Whoever comes first finds another machine than whoever comes last: each does both.
            for place in 0..rates.len() {
                let which = (turn + place) % rates.len();
                rates[which] = match which {
                    0 => rate(&redis, callers).await,
                    1 => rate(&bare, callers).await,
                    _ => rate(&redis_rs, callers).await,
                };
            }
            turns.push(rates);
        }
        println!("{}", Report { callers, turns });
    }
}

/// Answers per second.
async fn rate<C: Get>(client: &C, callers: usize) -> f64 {
    let start = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..callers {
        let client = client.clone();
        running.spawn(async move {
            let mut answers = 0_u32;
            while start.elapsed() < EACH {
                assert_eq!(client.get().await, LENGTH);
                answers += 1;
            }
            answers
        });
    }
    let answers: u32 = running.join_all().await.into_iter().sum();
    f64::from(answers) / start.elapsed().as_secs_f64()
}

struct Report {
    callers: usize,
    turns: Vec<[f64; 3]>,
}

impl Report {
    fn median(&self, of: impl Fn(&[f64; 3]) -> f64) -> f64 {
        let mut values: Vec<f64> = self.turns.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [manager, bare, redis_rs] = [0, 1, 2].map(|which| self.median(|rates| rates[which]));
        let over = |which: usize| self.median(|rates| rates[0] / rates[which]);
        write!(
            f,
            "{:>4} callers: manager {manager:.0}/s, bare fred {bare:.0}/s, redis-rs {redis_rs:.0}/s; \
             manager over bare fred {:.3}, over redis-rs {:.3}",
            self.callers,
            over(1),
            over(2),
        )
    }
}
