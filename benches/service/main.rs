//! What a whole service pays for its cache: processor time of the server per request, and requests per second.
//!
//! Three routes of one axum service answer with the same bytes: one without a layer, one whose handler does a bare `GET`
//! through the connection manager, one with the cache layer and a hit each time. They take turns, a few seconds each, so
//! that whatever else the machine does happens to all of them, and ratios are made within a turn.
//!
//! `cargo xtask bench --service` runs it. The service is this program again, in a process of its own.

mod load;
mod report;
mod server;
mod usage;

use std::env;
use std::error::Error;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use testkit::RedisServer;
use testkit::resp::Client;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use load::Load;
use report::{Report, Turn};
use usage::processor_time;

const TURNS: usize = 5;
const EACH: Duration = Duration::from_secs(2);
const CONNECTIONS: usize = 64;
const BODIES: [usize; 2] = [1024, 100 * 1024];
/// Before the first turn: connections, caches and the branch predictor.
const WARM_UP: Duration = Duration::from_millis(300);
const COUNTED: u32 = 500;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let runtime = tokio::runtime::Runtime::new()?;
    match arguments.first().map(String::as_str) {
        Some("--serve") => runtime.block_on(server::serve(&arguments[1])),
        _ => runtime.block_on(measure()),
    }
}

async fn measure() -> Result<(), Failure> {
    let redis = RedisServer::start().await;
    let (server, address) = start(&redis.url()).await?;
    let pid = server.id().ok_or("the server has ended")?;
    println!("{CONNECTIONS} connections, {TURNS} turns of {EACH:?} for each variant");
    for body in BODIES {
        let variants = Variant::ALL.map(|variant| Load::new(address, &variant.path(body)));
        for load in &variants {
            load.run(CONNECTIONS, WARM_UP).await?;
        }
        let mut report = Report::new(body);
        for turn in 0..TURNS {
            let mut measured = [Turn::default(); 3];
            // Whoever comes first finds another machine than whoever comes last: each does both.
            for place in 0..variants.len() {
                let variant = (turn + place) % variants.len();
                let before = processor_time(pid)?;
                let ran = variants[variant].run(CONNECTIONS, EACH).await?;
                measured[variant] = Turn {
                    ran,
                    processor: processor_time(pid)?.saturating_sub(before),
                };
            }
            report.add(measured);
        }
        println!("{report}");
    }
    count_commands(&redis, address).await
}

/// The variants in the order of the report.
#[derive(Clone, Copy, Debug)]
enum Variant {
    Plain,
    Get,
    Cache,
}

impl Variant {
    const ALL: [Self; 3] = [Self::Plain, Self::Get, Self::Cache];

    fn path(self, body: usize) -> String {
        match self {
            Self::Plain => format!("/plain/{body}"),
            Self::Get => format!("/get/{body}"),
            Self::Cache => format!("/cache/{body}"),
        }
    }
}

/// Commands sent to Redis for a hit and for a miss; the prober's few are among them, what scripts call is not.
async fn count_commands(redis: &RedisServer, address: SocketAddr) -> Result<(), Failure> {
    let cached = Load::new(address, &Variant::Cache.path(BODIES[0]));
    let mut monitor = Monitor::start(redis).await?;
    cached.times(COUNTED, |_| String::new()).await?;
    let hits = monitor.sent(redis).await?;
    cached
        .times(COUNTED, |number| format!("?page={number}"))
        .await?;
    // A fill is stored after its answer.
    tokio::time::sleep(WARM_UP).await;
    let misses = monitor.sent(redis).await?;
    let each = |count: u32| f64::from(count) / f64::from(COUNTED);
    println!(
        "Redis commands per hit {:.2}, per miss {:.2}",
        each(hits),
        each(misses)
    );
    Ok(())
}

/// Redis' own account of what it is sent: `MONITOR`.
struct Monitor(Client);

impl Monitor {
    async fn start(redis: &RedisServer) -> Result<Self, Failure> {
        let mut client = redis.client().await;
        client.words("MONITOR").await;
        Ok(Self(client))
    }

    /// Commands sent since the last time.
    async fn sent(&mut self, redis: &RedisServer) -> Result<u32, Failure> {
        redis.client().await.words("ECHO counted").await;
        let mut commands = 0;
        loop {
            let line = self.0.receive().await?;
            if line.text().contains("\"ECHO\" \"counted\"") {
                return Ok(commands);
            }
            // 1700000000.123456 [0 127.0.0.1:50000] "MGET" …, or [0 lua] for what a script calls.
            commands += u32::from(!line.text().contains(" lua] "));
        }
    }
}

/// Starts this program again as the server, which ends with us.
async fn start(redis: &str) -> Result<(Child, SocketAddr), Failure> {
    let mut server = Command::new(env::current_exe()?)
        .args(["--serve", redis])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = server.stdout.take().ok_or("the server has no output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).await?;
    Ok((server, line.trim().parse()?))
}
