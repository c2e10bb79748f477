//! What opens a breaker, for how long, and what closes it again.

use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::window::Window;
use super::word::{MAX_K, MAX_PROBES};

const TICK: Duration = Duration::from_millis(10);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The consecutive cell counts further than this; nobody waits for more failures in a row.
const MAX_CONSECUTIVE: u16 = 10_000;

/// The settings of a [`StateMachine`](super::StateMachine), with defaults that suit a database behind a web service.
///
/// Checked when the machine is made, so that setters can be chained without a `?` after each.
#[derive(Clone, Debug)]
#[must_use]
pub struct BreakerConfig {
    pub(super) consecutive_failures: Option<u16>,
    pub(super) failure_rate: Option<f64>,
    pub(super) slow_calls: Option<SlowCalls>,
    pub(super) stall_after: Option<Duration>,
    pub(super) window: Duration,
    pub(super) minimum_calls: u16,
    pub(super) open_for: Duration,
    pub(super) longest_open: Duration,
    pub(super) jitter: f64,
    pub(super) jitter_seed: u64,
    pub(super) stable_for: Duration,
    pub(super) probes: u8,
    pub(super) successes: u8,
    pub(super) probe_deadline: Duration,
    pub(super) slow_start: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct SlowCalls {
    pub(super) after: Duration,
    pub(super) rate: f64,
}

impl BreakerConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            consecutive_failures: Some(5),
            failure_rate: Some(0.5),
            slow_calls: None,
            stall_after: None,
            window: Duration::from_secs(10),
            minimum_calls: 20,
            open_for: Duration::from_secs(5),
            longest_open: Duration::from_secs(60),
            jitter: 0.2,
            jitter_seed: RandomState::new().hash_one(0_u8),
            stable_for: Duration::from_secs(60),
            probes: 3,
            successes: 2,
            probe_deadline: Duration::from_secs(5),
            slow_start: None,
        }
    }

    /// Opens after so many failures in a row. Defaults to 5, as in Finagle and gobreaker: it finds a dead backend
    /// within a few calls, where a rate needs a good part of its window. `None` turns it off.
    pub fn consecutive_failures(mut self, count: impl Into<Option<u16>>) -> Self {
        self.consecutive_failures = count.into();
        self
    }

    /// Opens when this share of the calls in the window failed, from above 0 to 1. Defaults to 0.5. `None` turns it
    /// off. Judged when a call fails: a success never opens.
    pub fn failure_rate(mut self, share: impl Into<Option<f64>>) -> Self {
        self.failure_rate = share.into();
        self
    }

    /// Opens when this share of the calls in the window was slow *or failed*, from above 0 to 1; a call is slow when
    /// its answer takes `after` or longer. Off by default: only the owner of a backend knows what slow is. A probe
    /// that is slow does not close.
    pub const fn slow_calls(mut self, after: Duration, share: f64) -> Self {
        self.slow_calls = Some(SlowCalls { after, rate: share });
        self
    }

    /// Opens when calls are in flight and none has been answered for so long, before the first of them times out.
    /// Off by default: it costs two more atomic operations per call, and must be longer than the longest silence
    /// that is healthy.
    pub fn stall_after(mut self, silence: impl Into<Option<Duration>>) -> Self {
        self.stall_after = silence.into();
        self
    }

    /// The time over which the rates are taken, in ten buckets. Defaults to 10 s.
    pub const fn window(mut self, length: Duration) -> Self {
        self.window = length;
        self
    }

    /// The calls that the window must hold before a rate counts. Defaults to 20 (Hystrix): below it a rate says more
    /// about chance than about the backend.
    pub const fn minimum_calls(mut self, count: u16) -> Self {
        self.minimum_calls = count;
        self
    }

    /// How long it stays open the first time; each failed round of probes doubles it, up to `longest`. Defaults to
    /// 5 s and 60 s.
    pub const fn open_for(mut self, first: Duration, longest: Duration) -> Self {
        self.open_for = first;
        self.longest_open = longest;
        self
    }

    /// By which share an open time may be shortened at random, from 0 to 1 exclusive, so that the processes of a
    /// fleet do not probe in step. Defaults to 0.2. It only shortens: `longest` is never exceeded.
    pub const fn jitter(mut self, share: f64) -> Self {
        self.jitter = share;
        self
    }

    /// The seed of the jitter, for repeatable tests. Defaults to a random one per configuration.
    pub const fn jitter_seed(mut self, seed: u64) -> Self {
        self.jitter_seed = seed;
        self
    }

    /// After so long closed, the doublings of the open time are forgotten. Defaults to 60 s.
    pub const fn stable_for(mut self, time: Duration) -> Self {
        self.stable_for = time;
        self
    }

    /// At most `probes` calls are out while half-open, and `successes` of them close it. Defaults to 3 and 2: one
    /// lucky answer is not health.
    pub const fn probes(mut self, probes: u8, successes: u8) -> Self {
        self.probes = probes;
        self.successes = successes;
        self
    }

    /// While probes are out, one must be answered within this time, else it opens again. Defaults to 5 s.
    pub const fn probe_deadline(mut self, time: Duration) -> Self {
        self.probe_deadline = time;
        self
    }

    /// After it closes, lets a share of the calls pass that grows from a tenth to all of them within this time, so
    /// that a backend just back on its feet is not run over. Off by default: the rest is refused meanwhile.
    pub fn slow_start(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.slow_start = time.into();
        self
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if let Some(count) = self.consecutive_failures {
            within(
                "consecutive_failures",
                "from 1 to 10000",
                (1..=MAX_CONSECUTIVE).contains(&count),
            )?;
        }
        if let Some(rate) = self.failure_rate {
            within("failure_rate", SHARE, is_share(rate))?;
        }
        if let Some(slow) = self.slow_calls {
            within("slow_calls", SHARE, is_share(slow.rate))?;
            within("slow_calls", "later than at once", !slow.after.is_zero())?;
        }
        if let Some(silence) = self.stall_after {
            within(
                "stall_after",
                "from 1 ms to 1 h",
                (Duration::from_millis(1)..=HOUR).contains(&silence),
            )?;
        }
        within(
            "window",
            "from 100 ms to 1 h",
            (TICK * 10..=HOUR).contains(&self.window),
        )?;
        within(
            "minimum_calls",
            "from 1 to 512",
            (1..=Window::SURE).contains(&self.minimum_calls),
        )?;
        within(
            "open_for",
            "from 10 ms to 24 h",
            (TICK..=DAY).contains(&self.open_for),
        )?;
        within(
            "open_for",
            "at most the longest open time",
            self.open_for <= self.longest_open,
        )?;
        within("open_for", "24 h at the longest", self.longest_open <= DAY)?;
        within(
            "jitter",
            "from 0 to 1 exclusive",
            (0.0..1.0).contains(&self.jitter),
        )?;
        within("stable_for", "at most 24 h", self.stable_for <= DAY)?;
        within(
            "probes",
            "from 1 to 63",
            (1..=MAX_PROBES).contains(&self.probes),
        )?;
        within(
            "probes",
            "enough for the successes, which are at least 1",
            (1..=self.probes).contains(&self.successes),
        )?;
        within(
            "probe_deadline",
            "from 10 ms to 1 h",
            (TICK..=HOUR).contains(&self.probe_deadline),
        )?;
        if let Some(time) = self.slow_start {
            within(
                "slow_start",
                "from 10 ms to 1 h",
                (TICK..=HOUR).contains(&time),
            )?;
        }
        Ok(())
    }

    /// The open time after `k` doublings, shortened by a share of the jitter.
    pub(super) fn open_time(&self, k: u8, fraction: f64) -> Duration {
        let doubled = self
            .open_for
            .saturating_mul(1 << k.min(MAX_K))
            .min(self.longest_open);
        doubled.mul_f64(1.0 - self.jitter * fraction)
    }
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// A setting of a [`BreakerConfig`] that cannot work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ConfigError {
    /// The setter that took the value.
    pub setting: &'static str,
    /// What it takes.
    pub allowed: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the breaker setting {} must be {}",
            self.setting, self.allowed
        )
    }
}

impl Error for ConfigError {}

const SHARE: &str = "a share above 0, at most 1";

fn is_share(rate: f64) -> bool {
    rate > 0.0 && rate <= 1.0
}

fn within(setting: &'static str, allowed: &'static str, holds: bool) -> Result<(), ConfigError> {
    if holds {
        Ok(())
    } else {
        Err(ConfigError { setting, allowed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_allowed() {
        assert_eq!(BreakerConfig::default().check(), Ok(()));
    }

    #[test]
    fn an_error_names_the_setting() {
        let new = BreakerConfig::new;
        let second = Duration::from_secs(1);
        let wrong = [
            (new().consecutive_failures(0), "consecutive_failures"),
            (new().failure_rate(0.0), "failure_rate"),
            (new().failure_rate(f64::NAN), "failure_rate"),
            (new().slow_calls(second, 1.1), "slow_calls"),
            (new().slow_calls(Duration::ZERO, 0.5), "slow_calls"),
            (new().stall_after(Duration::ZERO), "stall_after"),
            (new().window(Duration::ZERO), "window"),
            (new().minimum_calls(513), "minimum_calls"),
            (new().open_for(second, second / 2), "open_for"),
            (new().open_for(second, DAY * 2), "open_for"),
            (new().jitter(1.0), "jitter"),
            (new().stable_for(DAY * 2), "stable_for"),
            (new().probes(64, 1), "probes"),
            (new().probes(2, 3), "probes"),
            (new().probes(2, 0), "probes"),
            (new().probe_deadline(Duration::ZERO), "probe_deadline"),
            (new().slow_start(Duration::ZERO), "slow_start"),
        ];
        for (config, setting) in wrong {
            let error = config.check().unwrap_err();
            assert_eq!(error.setting, setting);
            assert!(error.to_string().contains(setting));
        }
    }

    #[test]
    fn open_times_double_up_to_the_longest_and_jitter_only_shortens() {
        let second = Duration::from_secs(1);
        let config = BreakerConfig::new()
            .open_for(second, second * 5)
            .jitter(0.5);
        let times = [0, 1, 2, 3, MAX_K].map(|k| config.open_time(k, 0.0));
        assert_eq!(
            times,
            [second, second * 2, second * 4, second * 5, second * 5]
        );
        assert_eq!(config.open_time(0, 1.0), second / 2);
    }
}
