//! What the server's clock says, from this side.

/// A sample is replaced by a worse one after this long: clocks drift.
const KEPT_FOR_US: u64 = 60_000_000;

/// Keeps the sharpest recent sample of the difference between the server's clock and ours. Pure; all times in
/// microseconds, ours since some fixed moment.
#[derive(Debug, Default)]
pub(super) struct ServerClock {
    best: Option<Sample>,
}

/// The server read its clock somewhere between our sending and receiving, so the difference lies between `low` and
/// `high`.
#[derive(Clone, Copy, Debug)]
struct Sample {
    low: i64,
    high: i64,
    received: u64,
}

impl Sample {
    fn width(self) -> i64 {
        self.high - self.low
    }
}

impl ServerClock {
    /// Takes a sample; returns what to add to our time to have a server time that is never later than the true one,
    /// and earlier by at most one round trip.
    pub(super) fn observe(&mut self, sent: u64, received: u64, server: u64) -> i64 {
        let signed = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
        let sample = Sample {
            low: signed(server) - signed(received),
            high: signed(server) - signed(sent),
            received,
        };
        let best = match self.best {
            Some(best)
                if best.width() < sample.width()
                    && received.saturating_sub(best.received) < KEPT_FOR_US
                    // Apart from each other they cannot both be right: the clock was set, or it is another server.
                    && best.low <= sample.high
                    && sample.low <= best.high =>
            {
                best
            }
            _ => sample,
        };
        self.best = Some(best);
        best.low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sharpest_sample_is_kept_and_never_runs_ahead() {
        let mut clock = ServerClock::default();
        // The true difference is 1000.
        assert_eq!(clock.observe(0, 100, 1_050), 950);
        assert_eq!(clock.observe(200, 210, 1_205), 995);
        assert_eq!(clock.observe(300, 400, 1_301), 995);
    }

    #[test]
    fn a_clock_that_was_set_is_believed_at_once() {
        let mut clock = ServerClock::default();
        clock.observe(0, 10, 1_005);
        assert_eq!(clock.observe(100, 200, 50_150), 49_950);
        assert_eq!(clock.observe(300, 400, 10), -390);
    }

    #[test]
    fn a_sharp_sample_is_given_up_when_it_is_old() {
        let mut clock = ServerClock::default();
        clock.observe(0, 10, 1_005);
        let late = KEPT_FOR_US + 10;
        assert_eq!(clock.observe(late, late + 100, late + 1_050), 950);
    }
}
