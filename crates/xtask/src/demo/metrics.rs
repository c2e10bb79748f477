//! What the storefront counts, read from its `/metrics`.

use std::io;

use crate::http::Connection;

/// Counters since the storefront started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) requests: u64,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) queries: u64,
}

impl Counters {
    pub(super) async fn read(connection: &mut Connection) -> io::Result<Self> {
        Ok(Self::parse(&connection.get("/metrics").await?.text()))
    }

    /// What was added since `earlier`.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            hits: self.hits.saturating_sub(earlier.hits),
            misses: self.misses.saturating_sub(earlier.misses),
            queries: self.queries.saturating_sub(earlier.queries),
        }
    }

    /// Prometheus' text format: `name{label="value",…} 12`.
    fn parse(text: &str) -> Self {
        let mut counters = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let Ok(value) = value.parse::<u64>() else {
                continue;
            };
            if series == "storefront_postgres_queries_total" {
                counters.queries += value;
            }
            // Only pages are cached; health, readiness and these metrics are not visitors.
            let of_a_page = ["/products/", "/categories/", "/bestsellers"];
            if series.starts_with("storefront_requests_total{")
                && of_a_page.iter().any(|page| series.contains(page))
            {
                counters.requests += value;
                if series.contains("cache=\"hit\"") {
                    counters.hits += value;
                }
                if series.contains("cache=\"miss\"") {
                    counters.misses += value;
                }
            }
        }
        counters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_counted_and_probes_are_not() {
        let text = "# TYPE storefront_requests_total counter\n\
            storefront_requests_total{route=\"/products/{id}\",cache=\"hit\"} 90\n\
            storefront_requests_total{route=\"/bestsellers\",cache=\"miss\"} 9\n\
            storefront_requests_total{route=\"/categories/{name}\",cache=\"none\"} 1\n\
            storefront_requests_total{route=\"/healthz\",cache=\"none\"} 1000\n\
            storefront_postgres_queries_total 10\n";
        let counters = Counters::parse(text);
        assert_eq!(
            counters,
            Counters {
                requests: 100,
                hits: 90,
                misses: 9,
                queries: 10
            }
        );
        assert_eq!(counters.since(counters), Counters::default());
    }
}
