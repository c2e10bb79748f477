//! Medians and ratios.

use std::fmt;
use std::time::Duration;

use crate::load::Ran;

/// One variant in one turn.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Turn {
    pub(crate) ran: Ran,
    pub(crate) processor: Duration,
}

/// All turns with one size of body.
#[derive(Debug)]
pub(crate) struct Report {
    body: usize,
    turns: Vec<[Turn; 3]>,
}

impl Turn {
    fn processor_per_request(self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / f64::from(self.ran.requests.max(1))
    }

    fn requests_per_second(self) -> f64 {
        f64::from(self.ran.requests) / self.ran.time.as_secs_f64()
    }
}

impl Report {
    pub(crate) fn new(body: usize) -> Self {
        Self {
            body,
            turns: Vec::new(),
        }
    }

    /// No layer, a bare `GET`, the cache.
    pub(crate) fn add(&mut self, turn: [Turn; 3]) {
        self.turns.push(turn);
    }

    fn median(&self, of: impl Fn(&[Turn; 3]) -> f64) -> f64 {
        let mut values: Vec<f64> = self.turns.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nbody of {} bytes       server µs/request   requests/s   µs/request over the bare GET",
            self.body
        )?;
        for (variant, name) in ["no layer", "bare GET", "cache hit"]
            .into_iter()
            .enumerate()
        {
            writeln!(
                f,
                "  {name:<22} {:>17.1} {:>12.0} {:>12.3}",
                self.median(|turn| turn[variant].processor_per_request()),
                self.median(|turn| turn[variant].requests_per_second()),
                self.median(
                    |turn| turn[variant].processor_per_request() / turn[1].processor_per_request()
                ),
            )?;
        }
        Ok(())
    }
}
