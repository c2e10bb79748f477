//! The demo that plays itself: what the cache promises, seen from outside by HTTP.

use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::load::{self, Burst};
use super::metrics::Counters;
use super::stage::Stage;
use crate::failure::{Doing, Failure, Outcome};
use crate::http::{Connection, Response};

/// A fill ends after its answer, a lost Redis is found again in the background: what is to come comes within this.
const SOON: Duration = Duration::from_secs(10);
const BURST: u64 = 2000;
const BURST_WITHOUT_REDIS: u64 = 400;
/// Of 100 queries that the burst would have cost, the cache saves at least these.
const SAVED_AT_LEAST: u64 = 90;

/// Plays every scene; the first that goes wrong ends the story with what was seen.
pub(super) async fn tell(stage: Stage) -> Outcome {
    let story = Story { stage };
    let told = story.scenes().await;
    told.map_err(|failure| {
        Failure::new(format!(
            "{failure}\nThe storefront's last words:\n{}",
            story.stage.log()
        ))
    })
}

struct Story {
    stage: Stage,
}

impl Story {
    async fn scenes(&self) -> Outcome {
        self.starts().await?;
        self.fills_and_hits().await?;
        self.edit_is_seen_at_once().await?;
        self.lists_follow_their_rows().await?;
        self.saves_queries().await?;
        self.goes_on_while_redis_hangs().await?;
        self.goes_on_without_redis().await?;
        self.hits_again_with_redis().await?;
        self.stage.stop().await?;
        says("SIGTERM", "the storefront finished and ended by itself");
        Ok(())
    }

    async fn starts(&self) -> Outcome {
        self.expect("/healthz", 200).await?;
        let ready = self.expect("/readyz", 200).await?;
        says("start", format_args!("ready: {}", ready.text().trim()));
        Ok(())
    }

    async fn fills_and_hits(&self) -> Outcome {
        let start = Instant::now();
        let miss = self.expect("/products/7", 200).await?;
        check(!miss.is_hit(), "the first GET /products/7 was a hit", &miss)?;
        says(
            "miss",
            format_args!("GET /products/7 ran its query ({:.1?})", start.elapsed()),
        );
        let start = Instant::now();
        let hit = self.until_hit("/products/7").await?;
        check(
            hit.text() == miss.text(),
            "the hit differs from the miss",
            &hit,
        )?;
        says(
            "hit",
            format_args!("the same bytes without Postgres ({:.1?})", start.elapsed()),
        );
        self.until_hit("/products/007").await?;
        says("hit", "GET /products/007, the same row under another path");
        Ok(())
    }

    async fn edit_is_seen_at_once(&self) -> Outcome {
        for price in [111, 222, 333] {
            self.until_hit("/products/7").await?;
            self.until_hit("/products/007").await?;
            self.edit("/products/7", price).await?;
            for path in ["/products/7", "/products/007"] {
                self.shows(path, price).await?;
            }
        }
        says(
            "edit",
            "PUT /products/7: the next GET of /products/7 and of /products/007 shows it, three times over",
        );
        Ok(())
    }

    async fn lists_follow_their_rows(&self) -> Outcome {
        let list = self.until_hit("/bestsellers").await?.text();
        let first =
            first_product(&list).ok_or_else(|| Failure::new("/bestsellers lists nothing"))?;
        self.edit(&format!("/products/{first}"), 444).await?;
        self.shows("/bestsellers", 444).await?;
        says(
            "list",
            format_args!("PUT /products/{first}: /bestsellers, where it is the first, shows it"),
        );
        Ok(())
    }

    async fn saves_queries(&self) -> Outcome {
        let mut connection = self.connect().await?;
        let before = Counters::read(&mut connection).await.doing("/metrics")?;
        let burst = load::burst(self.stage.address(), BURST).await?;
        let counted = Counters::read(&mut connection)
            .await
            .doing("/metrics")?
            .since(before);
        let saved = 100 * BURST.saturating_sub(counted.queries) / BURST;
        says(
            "burst",
            format_args!(
                "{BURST} requests cost {} Postgres queries: {saved} % saved, slowest answer {:.1?}",
                counted.queries, burst.slowest
            ),
        );
        if saved < SAVED_AT_LEAST {
            return Err(Failure::new(format!(
                "the cache saved less than {SAVED_AT_LEAST} %: {counted:?}"
            )));
        }
        Ok(())
    }

    async fn goes_on_while_redis_hangs(&self) -> Outcome {
        self.stage.redis().pause();
        let Burst { requests, slowest } =
            load::burst(self.stage.address(), BURST_WITHOUT_REDIS).await?;
        self.stage.redis().resume();
        says(
            "Redis hangs",
            format_args!("stopped; {requests} of {requests} pages served, slowest {slowest:.1?}"),
        );
        self.until_hit("/products/7").await?;
        says("Redis hangs", "and goes on: hits again");
        Ok(())
    }

    async fn goes_on_without_redis(&self) -> Outcome {
        self.stage.redis().kill();
        let Burst { requests, slowest } =
            load::burst(self.stage.address(), BURST_WITHOUT_REDIS).await?;
        says(
            "no Redis",
            format_args!("SIGKILLed; {requests} of {requests} pages served, slowest {slowest:.1?}"),
        );
        self.edit("/products/7", 555).await?;
        self.shows("/products/7", 555).await?;
        self.expect("/healthz", 200).await?;
        let ready = self
            .until("/readyz", "says that Redis is away", |response| {
                response.status == 503
            })
            .await?;
        says(
            "no Redis",
            format_args!(
                "an edit is seen; healthy; not ready: {}",
                ready.text().trim()
            ),
        );
        Ok(())
    }

    async fn hits_again_with_redis(&self) -> Outcome {
        let start = Instant::now();
        self.stage.redis().restart().await;
        let hit = self.until_hit("/products/7").await?;
        says(
            "Redis back",
            format_args!("hits again {:.1?} after its start", start.elapsed()),
        );
        check(
            hit.text().contains(&price(555)),
            "the edit made without Redis is lost",
            &hit,
        )?;
        self.edit("/products/7", 666).await?;
        self.shows("/products/7", 666).await?;
        self.until("/readyz", "says that Redis is back", |response| {
            response.status == 200
        })
        .await?;
        says(
            "Redis back",
            "the edits of before and after are seen; ready",
        );
        Ok(())
    }

    async fn connect(&self) -> Outcome<Connection> {
        self.stage.check()?;
        Connection::open(self.stage.address())
            .await
            .doing("cannot connect to the storefront")
    }

    async fn get(&self, path: &str) -> Outcome<Response> {
        self.connect()
            .await?
            .get(path)
            .await
            .doing(format_args!("GET {path}"))
    }

    async fn expect(&self, path: &str, status: u16) -> Outcome<Response> {
        let response = self.get(path).await?;
        check(
            response.status == status,
            format_args!("GET {path} was not answered with {status}"),
            &response,
        )?;
        Ok(response)
    }

    async fn edit(&self, path: &str, cents: u32) -> Outcome {
        let edit = format!(r#"{{"name":"Edited","price_cents":{cents}}}"#);
        let response = self
            .connect()
            .await?
            .put(path, &edit)
            .await
            .doing(format_args!("PUT {path}"))?;
        check(
            response.status == 200,
            format_args!("PUT {path} was not answered with 200"),
            &response,
        )
    }

    /// The very next answer, whether from the cache or not.
    async fn shows(&self, path: &str, cents: u32) -> Outcome {
        let response = self.expect(path, 200).await?;
        check(
            response.text().contains(&price(cents)),
            format_args!("{path} is stale after the edit to {cents}"),
            &response,
        )
    }

    async fn until_hit(&self, path: &str) -> Outcome<Response> {
        self.until(path, "is a hit", |response| {
            response.status == 200 && response.is_hit()
        })
        .await
    }

    async fn until(
        &self,
        path: &str,
        what: &str,
        condition: impl Fn(&Response) -> bool,
    ) -> Outcome<Response> {
        let end = Instant::now() + SOON;
        loop {
            let response = self.get(path).await?;
            if condition(&response) {
                return Ok(response);
            }
            check(
                Instant::now() < end,
                format_args!("GET {path} never {what}"),
                &response,
            )?;
            sleep(Duration::from_millis(10)).await;
        }
    }
}

fn says(scene: &str, what: impl fmt::Display) {
    println!("ok  {scene:<11} {what}");
}

fn check(holds: bool, otherwise: impl fmt::Display, seen: &Response) -> Outcome {
    if holds {
        Ok(())
    } else {
        Err(Failure::new(format!("{otherwise}: {seen}")))
    }
}

fn price(cents: u32) -> String {
    format!("\"price_cents\":{cents},")
}

/// The number after the first `"id":`.
fn first_product(list: &str) -> Option<&str> {
    let (_, rest) = list.split_once("\"id\":")?;
    rest.split(|character: char| !character.is_ascii_digit())
        .next()
        .filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_product_of_a_list_is_found() {
        assert_eq!(
            first_product(r#"{"products":[{"id":3651,"name":"A"},{"id":7302}]}"#),
            Some("3651")
        );
        assert_eq!(first_product(r#"{"products":[]}"#), None);
    }
}
