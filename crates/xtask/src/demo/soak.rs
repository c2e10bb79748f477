//! `cargo xtask soak`: the storefront under load while its Redis hangs, dies and comes back, for minutes.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::pages::Pages;
use super::stage::Stage;
use crate::failure::{Doing, Failure, Outcome};
use crate::http::Connection;

/// Who edits and reads at once; each has products of its own, so that it knows what it has to see.
const EDITORS: u32 = 6;
const PRODUCTS_EACH: u32 = 20;
/// Reads after an edit: of fills that began before it, one may still be on its way.
const READS: usize = 4;
/// A fault lasts as long, and so does the calm after it.
const SPELL: Duration = Duration::from_secs(2);

/// What the editors saw.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    edits: u64,
    reads: u64,
    hits: u64,
    slowest: Duration,
}

/// Ends with the first page that is old or fails, else when the time is over.
pub(super) async fn endure(stage: &Stage, time: Duration) -> Outcome {
    let end = Instant::now() + time;
    let mut editors = JoinSet::new();
    for editor in 0..EDITORS {
        editors.spawn(edit_and_read(stage.address(), editor, end));
    }
    let mut all = Seen::default();
    let mut faults = 0_u32;
    loop {
        tokio::select! {
            () = next_fault(stage, faults) => {
                faults += 1;
                stage.check()?;
            }
            ended = editors.join_next() => match ended {
                Some(seen) => all.add(seen.doing("an editor")??),
                None => break,
            },
        }
    }
    println!(
        "{faults} faults, {} edits, {} reads, none of them old, {} hits, slowest answer {:.1?}",
        all.edits, all.reads, all.hits, all.slowest
    );
    if all.hits == 0 {
        return Err(Failure::new("the cache never came back"));
    }
    Ok(())
}

/// Calm, then a hang or a death by turns. Dropped in the middle of a hang it leaves Redis stopped, which nobody asks
/// for anything any more.
async fn next_fault(stage: &Stage, number: u32) {
    sleep(SPELL).await;
    if number % 2 == 0 {
        stage.redis().pause();
        sleep(SPELL).await;
        stage.redis().resume();
    } else {
        stage.redis().kill();
        sleep(SPELL).await;
        stage.redis().restart().await;
    }
}

async fn edit_and_read(address: SocketAddr, editor: u32, end: Instant) -> Outcome<Seen> {
    let mut connection = Connection::open(address).await.doing("cannot connect")?;
    let mut pages = Pages::new(u64::from(editor));
    let mut seen = Seen::default();
    for cents in 1_u32.. {
        if Instant::now() >= end {
            break;
        }
        let product = 1 + editor * PRODUCTS_EACH + cents % PRODUCTS_EACH;
        let path = format!("/products/{product}");
        let edit = format!(r#"{{"name":"Edited","price_cents":{cents}}}"#);
        let start = Instant::now();
        let answer = connection
            .put(&path, &edit)
            .await
            .doing(format_args!("PUT {path}"))?;
        seen.slowest = seen.slowest.max(start.elapsed());
        if answer.status != 200 {
            return Err(Failure::new(format!(
                "PUT {path} was answered with {answer}"
            )));
        }
        seen.edits += 1;
        let price = format!("\"price_cents\":{cents},");
        for read in 0..READS {
            // The same row under two paths, and a page that others edit.
            let page = match read % 3 {
                0 => path.clone(),
                1 => format!("/products/00{product}"),
                _ => pages.next(),
            };
            let start = Instant::now();
            let answer = connection
                .get(&page)
                .await
                .doing(format_args!("GET {page}"))?;
            seen.slowest = seen.slowest.max(start.elapsed());
            if answer.status != 200 {
                return Err(Failure::new(format!(
                    "GET {page} was answered with {answer}"
                )));
            }
            if read % 3 < 2 && !answer.text().contains(&price) {
                return Err(Failure::new(format!(
                    "GET {page} is old after the edit to {cents}: {answer}"
                )));
            }
            seen.reads += 1;
            seen.hits += u64::from(answer.is_hit());
        }
    }
    Ok(seen)
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.edits += other.edits;
        self.reads += other.reads;
        self.hits += other.hits;
        self.slowest = self.slowest.max(other.slowest);
    }
}
