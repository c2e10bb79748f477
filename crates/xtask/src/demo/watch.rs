//! The demo that a person looks at.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, interval};

use super::load;
use super::metrics::Counters;
use super::stage::Stage;
use crate::failure::{Doing, Outcome};
use crate::http::Connection;

const EVERY: Duration = Duration::from_secs(1);

/// Shows what the cache does until Ctrl-C.
pub(super) async fn run(stage: &Stage, with_load: bool) -> Outcome {
    println!(
        "{}",
        invitation(&stage.address().to_string(), stage.redis().pid())
    );
    let mut interrupt = signal(SignalKind::interrupt()).doing("cannot watch for signals")?;
    let mut terminate = signal(SignalKind::terminate()).doing("cannot watch for signals")?;
    let visitors = with_load.then(|| tokio::spawn(load::background(stage.address())));
    let ended = tokio::select! {
        ended = show(stage) => ended,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    if let Some(visitors) = visitors {
        visitors.abort();
    }
    println!("\nstopping");
    ended
}

fn invitation(address: &str, redis: u32) -> String {
    format!(
        "
The storefront serves http://{address} (Ctrl-C ends everything). Try, in another terminal:

  curl -i http://{address}/products/7        # twice: see Cache-Status and Age
  curl -i http://{address}/products/007      # the same row under another path
  curl -X PUT -H 'content-type: application/json' -d '{{\"name\":\"Lamp\",\"price_cents\":1999}}' http://{address}/products/7
  curl http://{address}/categories/garden
  curl http://{address}/bestsellers
  curl http://{address}/readyz
  kill -STOP {redis}                         # Redis hangs: pages are still served
  kill -CONT {redis}                         # and it is back

Every second: requests for pages, hits now and since the start, and queries that reached Postgres.
"
    )
}

/// A line a second: on a terminal always the same one, which 80 columns hold.
async fn show(stage: &Stage) -> Outcome {
    let redraw = io::stdout().is_terminal();
    let start = Instant::now();
    let mut tick = interval(EVERY);
    let mut connection = None;
    let mut before: Option<Counters> = None;
    loop {
        tick.tick().await;
        stage.check()?;
        let mut open = match connection.take() {
            Some(open) => open,
            None => Connection::open(stage.address())
                .await
                .doing("cannot connect to the storefront")?,
        };
        let now = Counters::read(&mut open)
            .await
            .doing("cannot read the storefront's metrics")?;
        connection = Some(open);
        let line = line(start.elapsed(), now, before.unwrap_or(now));
        before = Some(now);
        if redraw {
            print!("\r\x1b[2K{line}");
        } else {
            println!("{line}");
        }
        // Nobody watching is no reason to end.
        let _ = io::stdout().flush();
    }
}

fn line(elapsed: Duration, now: Counters, before: Counters) -> String {
    let last = now.since(before);
    let ratio = |counters: Counters| match counters.requests {
        0 => "   –".to_owned(),
        requests => format!("{:3} %", counters.hits * 100 / requests),
    };
    format!(
        "{:4} s {:6} requests {:4}/s  hits {} ({} in all)  queries {:5} {:4}/s",
        elapsed.as_secs(),
        now.requests,
        last.requests,
        ratio(last),
        ratio(now),
        now.queries,
        last.queries,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_the_last_second_from_all_of_them() {
        let before = Counters {
            requests: 100,
            hits: 0,
            misses: 100,
            queries: 100,
        };
        let now = Counters {
            requests: 200,
            hits: 90,
            misses: 110,
            queries: 110,
        };
        let line = line(Duration::from_secs(12), now, before);
        for part in [
            "12 s",
            "200 requests  100/s",
            "90 % (",
            "45 % in all",
            "queries   110   10/s",
        ] {
            assert!(line.contains(part), "{part} in {line}");
        }
        assert!(line.chars().count() <= 80, "{line}");
    }

    #[test]
    fn no_requests_have_no_ratio() {
        let nothing = Counters::default();
        assert!(line(Duration::ZERO, nothing, nothing).contains("hits    – ("));
    }
}
