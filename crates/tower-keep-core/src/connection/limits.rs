use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{error::OpenError, profile::Profile};

/// Settings from the URL or the builder. Each wins over every profile.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Overrides {
    pub(super) command_timeout: Option<Duration>,
    pub(super) stall_age: Option<Duration>,
    pub(super) in_flight: Option<usize>,
    pub(super) reconnect_after_timeouts: Option<u32>,
    pub(super) reconnect_after_silence: Option<Duration>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) tcp_user_timeout: Option<Duration>,
    pub(super) probe_interval: Option<Duration>,
}

impl Overrides {
    /// A zero would mean "no limit" to the client library, or "nothing at all" here.
    pub(super) fn check(&self) -> Result<(), OpenError> {
        let zeros = [
            ("command_timeout", self.command_timeout),
            ("stall_age", self.stall_age),
            ("connect_timeout", self.connect_timeout),
            ("tcp_user_timeout", self.tcp_user_timeout),
            ("probe_interval", self.probe_interval),
        ];
        let zero = zeros
            .into_iter()
            .find(|(_, value)| value.is_some_and(|value| value < MILLISECOND));
        let refuse = |name, expected| {
            Err(OpenError::InvalidOption {
                name,
                value: String::from("0"),
                expected,
            })
        };
        match (zero, self.in_flight) {
            (Some((name, _)), _) => refuse(name, "a duration from 1ms"),
            (None, Some(0)) => refuse("in_flight", "a whole number from 1"),
            (None, _) => Ok(()),
        }
    }
}

const MILLISECOND: Duration = Duration::from_millis(1);
const LONGEST_PROBE: Duration = Duration::from_secs(1);

/// The limits of the connection that its handles share; in a cluster, of the connection to each master.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Demands {
    pub(super) stall_age: Duration,
    pub(super) in_flight: usize,
    pub(super) reconnect_after_timeouts: u32,
    pub(super) reconnect_after_silence: Duration,
    /// The probes' own deadline.
    pub(super) deadline: Duration,
}

impl Demands {
    fn of(profile: &Profile, overrides: &Overrides) -> Self {
        Self {
            stall_age: overrides.stall_age.unwrap_or(profile.stall_age),
            in_flight: overrides.in_flight.unwrap_or(profile.in_flight),
            reconnect_after_timeouts: overrides
                .reconnect_after_timeouts
                .unwrap_or(profile.reconnect_after_timeouts),
            reconnect_after_silence: overrides
                .reconnect_after_silence
                .unwrap_or(profile.reconnect_after_silence),
            deadline: overrides.command_timeout.unwrap_or(profile.deadline),
        }
    }

    /// The most demanding of two.
    fn and(self, other: Self) -> Self {
        Self {
            stall_age: self.stall_age.min(other.stall_age),
            in_flight: self.in_flight.max(other.in_flight),
            reconnect_after_timeouts: self
                .reconnect_after_timeouts
                .min(other.reconnect_after_timeouts),
            reconnect_after_silence: self
                .reconnect_after_silence
                .min(other.reconnect_after_silence),
            // A probe must not fail where a patient handle's operation would not.
            deadline: self.deadline.max(other.deadline),
        }
    }
}

/// The limits in force, for every operation to read without a lock.
#[derive(Debug)]
pub(super) struct Limits {
    overrides: Overrides,
    attached: Mutex<Option<Demands>>,
    stall_age_us: AtomicU64,
    in_flight: AtomicUsize,
    reconnect_after_timeouts: AtomicU32,
    reconnect_after_silence_us: AtomicU64,
    deadline_us: AtomicU64,
    /// The kinds of handles that keep here what must not be evicted.
    keepers: Mutex<Vec<&'static str>>,
}

impl Limits {
    /// Until a handle attaches, the most patient profile is in force: there is nobody to be quick for.
    pub(super) fn new(overrides: Overrides) -> Self {
        let limits = Self {
            overrides,
            attached: Mutex::new(None),
            stall_age_us: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            reconnect_after_timeouts: AtomicU32::new(0),
            reconnect_after_silence_us: AtomicU64::new(0),
            deadline_us: AtomicU64::new(0),
            keepers: Mutex::default(),
        };
        limits.publish(Demands::of(&Profile::SESSION, &overrides));
        limits
    }

    /// Adds a handle's demands; returns its own deadline.
    pub(super) fn attach(&self, profile: &Profile) -> Duration {
        let wanted = Demands::of(profile, &self.overrides);
        let mut attached = self.attached.lock().unwrap_or_else(PoisonError::into_inner);
        let demands = attached.map_or(wanted, |demands| demands.and(wanted));
        *attached = Some(demands);
        self.publish(demands);
        let mut keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        if profile.keeps && !keepers.contains(&profile.name) {
            keepers.push(profile.name);
        }
        wanted.deadline
    }

    fn publish(&self, demands: Demands) {
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.stall_age_us
            .store(micros(demands.stall_age), Ordering::Relaxed);
        self.in_flight.store(demands.in_flight, Ordering::Relaxed);
        self.reconnect_after_timeouts
            .store(demands.reconnect_after_timeouts, Ordering::Relaxed);
        self.reconnect_after_silence_us
            .store(micros(demands.reconnect_after_silence), Ordering::Relaxed);
        self.deadline_us
            .store(micros(demands.deadline), Ordering::Relaxed);
    }

    pub(super) fn keepers(&self) -> Vec<&'static str> {
        self.keepers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn stall_age(&self) -> Duration {
        Duration::from_micros(self.stall_age_us.load(Ordering::Relaxed))
    }

    /// After how many timeouts in a row and how long a silence the connection is replaced.
    pub(super) fn reconnect_after(&self) -> (u32, Duration) {
        let silence = self.reconnect_after_silence_us.load(Ordering::Relaxed);
        (
            self.reconnect_after_timeouts.load(Ordering::Relaxed),
            Duration::from_micros(silence),
        )
    }

    /// That of the most patient handle, so that a probe does not fail where an operation would not; but a probe that
    /// waits for longer than this has found out enough, and the next one waits behind it.
    pub(super) fn probe_deadline(&self) -> Duration {
        Duration::from_micros(self.deadline_us.load(Ordering::Relaxed))
            .min(LONGEST_PROBE.max(self.stall_age()))
    }

    /// How often each class is probed while nothing is wrong. One second finds a dead Redis before the next visitor
    /// of a quiet site does, for two small commands.
    pub(super) fn probe_interval(&self) -> Duration {
        self.overrides
            .probe_interval
            .unwrap_or(Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_handle_keeps_its_deadline_and_the_connection_follows_the_most_demanding() {
        let limits = Limits::new(Overrides::default());
        assert_eq!(limits.attach(&Profile::SESSION), Duration::from_millis(500));
        assert_eq!(limits.stall_age(), Duration::from_millis(150));
        assert_eq!(limits.attach(&Profile::CACHE), Duration::from_millis(50));
        assert_eq!(limits.stall_age(), Duration::from_millis(25));
        assert_eq!(limits.in_flight(), 4096);
        assert_eq!(limits.reconnect_after(), (4, Duration::from_millis(150)));
    }

    #[test]
    fn a_patient_handle_does_not_make_recovery_slow() {
        let patient = |stall_age| {
            let limits = Limits::new(Overrides {
                command_timeout: Some(Duration::from_secs(3600)),
                stall_age,
                ..Overrides::default()
            });
            limits.attach(&Profile::CACHE);
            limits.probe_deadline()
        };
        assert_eq!(patient(None), LONGEST_PROBE);
        let hour = Duration::from_secs(3600);
        assert_eq!(patient(Some(hour)), hour);
    }

    #[test]
    fn the_urls_values_win_over_every_profile() {
        let overrides = Overrides {
            command_timeout: Some(Duration::from_millis(20)),
            in_flight: Some(9),
            ..Overrides::default()
        };
        let limits = Limits::new(overrides);
        assert_eq!(limits.attach(&Profile::SESSION), Duration::from_millis(20));
        assert_eq!(limits.attach(&Profile::CACHE), Duration::from_millis(20));
        assert_eq!(limits.in_flight(), 9);
    }
}
