//! One connection: what those who use it and its tasks share.

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use fred::{
    clients::{Client, WithOptions},
    interfaces::ClientLike,
    types::config::Options,
};
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    time::Instant,
};

use super::{
    arrivals::Arrivals,
    carrier::Carriers,
    counts::Counts,
    denials::Denials,
    error::CommandError,
    gate::Gate,
    health::{Cause, Class, ClassHealth, Health},
    incarnation::Incarnation,
    key::Key,
    ledger::Ledger,
    limits::Limits,
    periods::Periods,
    prober, reporter,
    slot_map::PROBE_KEY,
    supervisor,
    target::Node,
    telemetry,
    ties::{Part, Ties},
    traffic::Traffic,
    watchdog,
};

/// The state of a class that is not down; else it is the cause's word.
const UP: &str = "up";

#[derive(Debug)]
pub(super) struct Core {
    pub(super) client: Client,
    pub(super) runtime: Handle,
    /// For logs and metric labels: the address, without credentials.
    pub(super) server: Arc<str>,
    pub(super) limits: Arc<Limits>,
    ties: Ties,
    part: Part,
    pub(super) health: watch::Sender<Health>,
    pub(super) incarnation: watch::Sender<Option<Incarnation>>,
    pub(super) closing: watch::Sender<bool>,
    /// Wakes the prober: something has changed that a probe can find out about.
    pub(super) probe_now: Notify,
    /// Wakes the watchdog: there is something in flight again.
    pub(super) watch_now: Notify,
    pub(super) watchdog_rests: AtomicBool,
    pub(super) arrivals: Arrivals,
    /// Connections made so far. What the handles see is counted for all servers together.
    pub(super) generation: AtomicU64,
    /// Counts what a probe that was begun before it cannot know of: trips, and connections. Moves under the lock of
    /// the health.
    turns: AtomicU64,
    /// Whether the server has told its incarnation before.
    identified: AtomicBool,
    /// What the probes write to.
    probe_key: Mutex<Key>,
    /// What to add to [`now`](Self::now) to have the server's `TIME`, µs; `i64::MIN` while unknown.
    pub(super) clock_offset: AtomicI64,
    pub(super) denials: Denials,
    pub(super) carriers: Carriers,
    /// Whether the connection task has ended after `closing`.
    pub(super) ended: watch::Sender<bool>,
    read: Gate,
    write: Gate,
    pub(super) traffic: Traffic,
    pub(super) ledger: Ledger,
    pub(super) periods: Periods,
    started: Instant,
    reconnecting: Arc<AtomicBool>,
}

impl Core {
    pub(super) fn new(
        client: Client,
        runtime: Handle,
        server: Arc<str>,
        ties: Ties,
        part: Part,
    ) -> Self {
        Self {
            arrivals: Arrivals::new(&client),
            client,
            runtime,
            server,
            limits: Arc::clone(&ties.limits),
            ties,
            part,
            health: watch::Sender::new(Health::down(&Cause::Connecting)),
            incarnation: watch::Sender::new(None),
            closing: watch::Sender::new(false),
            probe_now: Notify::new(),
            watch_now: Notify::new(),
            watchdog_rests: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            identified: AtomicBool::new(false),
            probe_key: Mutex::new(Key::from(PROBE_KEY)),
            clock_offset: AtomicI64::new(i64::MIN),
            denials: Denials::default(),
            carriers: Carriers::default(),
            ended: watch::Sender::new(false),
            read: Gate::new(),
            write: Gate::new(),
            traffic: Traffic::default(),
            ledger: Ledger::default(),
            periods: Periods::new(Cause::Connecting.label()),
            started: Instant::now(),
            reconnecting: Arc::default(),
        }
    }

    /// Starts the tasks that keep it alive and know how it is.
    pub(super) fn start(self: &Arc<Self>) {
        supervisor::spawn(self);
        watchdog::spawn(self);
        prober::spawn(self);
        reporter::spawn(self);
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.ties.counts
    }

    /// The node that it leads to, if that is a master of a cluster.
    pub(super) fn node(&self) -> Option<&Node> {
        match &self.part {
            Part::Whole => None,
            Part::Master { node, .. } => Some(node),
        }
    }

    /// Whether it is to one of the servers that the manager began with.
    fn is_first(&self) -> bool {
        matches!(self.part, Part::Whole | Part::Master { first: true, .. })
    }

    /// Says that the cluster's map may have changed.
    pub(super) fn doubt_the_map(&self) {
        self.ties.doubt.notify_one();
    }

    pub(super) fn probe_key(&self) -> Key {
        self.probe_keys().clone()
    }

    pub(super) fn probe_with(&self, key: Key) {
        *self.probe_keys() = key;
    }

    fn probe_keys(&self) -> MutexGuard<'_, Key> {
        self.probe_key
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends when the manager is closed, nobody holds it any more, or the server is no master any more.
    pub(super) async fn closed(&self) {
        // The sender lives in `self`, so there is no other end than the one that is waited for.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    pub(super) fn gate(&self, class: Class) -> &Gate {
        match class {
            Class::Read => &self.read,
            Class::Write => &self.write,
        }
    }

    /// The client with the options that every call carries.
    pub(super) fn client_with(&self, deadline: Duration) -> Arc<WithOptions<Client>> {
        Arc::new(self.client.with_options(&options(deadline)))
    }

    /// The time since it was made.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.traffic.in_flight()
    }

    pub(super) fn silence(&self) -> Option<Duration> {
        self.traffic.silence(self.now())
    }

    pub(super) fn restart_silence(&self) {
        self.traffic.restart_silence(self.now());
    }

    /// The deadline of an operation that takes off now, by the server's clock.
    pub(super) fn fence(&self, deadline: Duration) -> Result<i64, CommandError> {
        self.server_time(deadline)
            .ok_or_else(|| self.denials.ignorance())
    }

    /// The server's `TIME` after this delay, µs, never later than the truth; `None` while it is not known.
    pub(super) fn server_time(&self, after: Duration) -> Option<i64> {
        let offset = self.clock_offset.load(Ordering::Relaxed);
        let ours = i64::try_from((self.now() + after).as_micros()).ok()?;
        (offset != i64::MIN).then(|| offset.saturating_add(ours))
    }

    /// Replaces the connection; once at a time, and nobody waits for it.
    pub(super) fn reconnect(&self) {
        if self.reconnecting.swap(true, Ordering::AcqRel) {
            return;
        }
        telemetry::replacing(&self.server);
        let client = self.client.clone();
        let reconnecting = Arc::clone(&self.reconnecting);
        self.runtime.spawn(async move {
            // How it went is seen by the supervisor, as events.
            let _ = client.force_reconnection().await;
            reconnecting.store(false, Ordering::Release);
        });
    }

    /// A command was given the reply of another, as after a reply that came twice: so will be all that follow, until
    /// there is a new connection.
    pub(super) fn out_of_step(&self) {
        self.trip_all(&Cause::Disconnected(
            "a command was given the reply of another".into(),
        ));
        self.reconnect();
    }

    /// A connection was made.
    ///
    /// Its number is never seen while a gate is open that was opened for the one before: whoever finds both a new
    /// number and an open gate finds the incarnation of the server that answers there.
    pub(super) fn connected(&self) {
        let made = self.arrivals.made();
        let replaced = Cause::Disconnected("the connection was replaced".into());
        let mut tripped = Vec::new();
        self.health.send_if_modified(|health| {
            for class in Class::ALL {
                if health.class(class).is_up() {
                    self.shut(health, class, &replaced);
                    tripped.push(class);
                }
            }
            self.turns.fetch_add(1, Ordering::AcqRel);
            let before = self.generation.fetch_add(1, Ordering::AcqRel);
            self.ties.counts.connected(self.is_first() && before == 0);
            !tripped.is_empty()
        });
        // After the number: who finds that all are seen finds the number of the last one, too.
        self.arrivals.see(made);
        self.ties.news.notify_one();
        for class in tripped {
            telemetry::tripped(&self.server, class, &replaced);
            self.show(class);
        }
        self.traffic.forget_timeouts();
        self.denials.forget();
        telemetry::connected(&self.server);
        self.probe_now.notify_one();
    }

    /// Books who answers now; `None` where the server does not tell.
    pub(super) fn reincarnate(&self, incarnation: Option<Incarnation>) {
        self.incarnation.send_if_modified(|current| {
            if *current == incarnation {
                return false;
            }
            if incarnation.is_some() {
                let before = self.identified.swap(true, Ordering::AcqRel);
                self.ties.counts.reincarnated(self.is_first() && !before);
            }
            telemetry::incarnated(&self.server, current.as_ref(), incarnation.as_ref());
            *current = incarnation;
            true
        });
    }

    /// What an operation is told that the gate does not let through.
    pub(super) fn refusal(&self, class: Class) -> CommandError {
        match self.health.borrow().class(class) {
            ClassHealth::Down { cause } => cause.refusal(),
            // It has opened since; the operation was refused all the same.
            ClassHealth::Up => CommandError::Unavailable,
        }
    }

    /// Shuts the gate of a class and wakes who waits behind it; when it is shut already, renews the cause.
    ///
    /// The gate turns under the lock of the health, so that the two always agree.
    pub(super) fn trip(&self, class: Class, cause: &Cause) {
        let mut before = None;
        self.health.send_if_modified(|health| {
            let current = health.class(class);
            // What silence means is known better already.
            let vague = matches!(cause, Cause::Stalled | Cause::Deadlines);
            if current.is_closed() || current.is_down_for(cause) || (!current.is_up() && vague) {
                return false;
            }
            self.turns.fetch_add(1, Ordering::AcqRel);
            before = Some(self.shut(health, class, cause));
            true
        });
        if before.is_some() {
            self.ties.news.notify_one();
        }
        match before {
            Some(ClassHealth::Up) => {
                telemetry::tripped(&self.server, class, cause);
                self.show(class);
                self.probe_now.notify_one();
            }
            Some(ClassHealth::Down { cause: before }) if before.label() != cause.label() => {
                telemetry::down(&self.server, class, cause);
            }
            _ => {}
        }
    }

    /// The part of a trip that happens under the lock of the health; returns what was before.
    fn shut(&self, health: &mut Health, class: Class, cause: &Cause) -> ClassHealth {
        let current = health.class_mut(class);
        if current.is_up() {
            self.gate(class).shut();
        }
        let down = ClassHealth::Down {
            cause: cause.clone(),
        };
        self.periods.turn(class, cause.label(), self.now());
        mem::replace(current, down)
    }

    pub(super) fn trip_all(&self, cause: &Cause) {
        for class in Class::ALL {
            self.trip(class, cause);
        }
    }

    /// Publishes whether a class is up. For a cluster that is done for all masters together: what is shown of one that
    /// has left would stay for ever.
    pub(super) fn show(&self, class: Class) {
        if self.node().is_none() {
            telemetry::up(&self.server, class, self.gate(class).is_up());
        }
    }

    /// To be taken before a probe, and shown to [`restore`](Self::restore) after it.
    pub(super) fn turn(&self) -> u64 {
        self.turns.load(Ordering::Acquire)
    }

    /// Opens the gate of a class again after a good probe, unless something has happened since the probe was begun.
    pub(super) fn restore(&self, class: Class, turn: u64) {
        let restored = self.health.send_if_modified(|health| {
            let current = health.class_mut(class);
            if current.is_closed() || current.is_up() || self.turn() != turn {
                return false;
            }
            *current = ClassHealth::Up;
            self.gate(class).open();
            self.periods.turn(class, UP, self.now());
            true
        });
        if restored {
            self.ties.news.notify_one();
            telemetry::restored(&self.server, class);
            self.show(class);
        }
    }
}

pub(super) fn options(deadline: Duration) -> Options {
    Options {
        fail_fast: true,
        max_attempts: Some(1),
        timeout: Some(deadline),
        ..Options::default()
    }
}

#[cfg(test)]
mod tests {
    use fred::types::Builder;

    use super::*;

    fn core() -> Core {
        let ties = Ties::new(Limits::new(Default::default()));
        let client = Builder::default_centralized().build().unwrap();
        Core::new(client, Handle::current(), "test".into(), ties, Part::Whole)
    }

    #[tokio::test]
    async fn a_probe_does_not_undo_what_has_happened_since_it_was_begun() {
        let core = core();
        let turn = core.turn();
        core.trip_all(&Cause::Disconnected("lost".into()));
        core.restore(Class::Read, turn);
        assert!(!core.gate(Class::Read).is_up());

        let turn = core.turn();
        core.connected();
        core.restore(Class::Read, turn);
        assert!(!core.gate(Class::Read).is_up());

        core.restore(Class::Read, core.turn());
        assert!(core.gate(Class::Read).is_up());
    }

    #[tokio::test]
    async fn a_new_connection_is_not_used_before_it_was_probed() {
        let core = core();
        for class in Class::ALL {
            core.restore(class, core.turn());
        }
        // Without any error before it, or with one that is told later.
        core.connected();
        assert!(!core.gate(Class::Read).is_up() && !core.gate(Class::Write).is_up());
        assert!(!core.health.borrow().is_up());
    }

    #[tokio::test]
    async fn closed_is_the_last_word() {
        let core = core();
        core.trip_all(&Cause::Closed);
        core.restore(Class::Read, core.turn());
        core.trip(Class::Read, &Cause::Loading);
        core.connected();
        assert_eq!(core.refusal(Class::Read), CommandError::Closed);
        assert!(!core.gate(Class::Read).is_up());
    }
}
