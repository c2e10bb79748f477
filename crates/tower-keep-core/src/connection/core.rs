//! One connection: what those who use it and its tasks share.

use std::{
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
    health::{Cause, Class, Health},
    incarnation::{Incarnation, Role},
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

#[derive(Debug)]
pub(super) struct Core {
    pub(super) client: Client,
    pub(super) runtime: Handle,
    /// For logs and metric labels: the address, without credentials.
    pub(super) server: Arc<str>,
    pub(super) limits: Arc<Limits>,
    pub(super) ties: Ties,
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
    pub(super) turns: AtomicU64,
    /// Whether the server has told its incarnation before.
    pub(super) identified: AtomicBool,
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
    pub(super) fn is_first(&self) -> bool {
        matches!(self.part, Part::Whole | Part::Master { first: true, .. })
    }

    /// Whether it has said that it follows another.
    pub(super) fn is_replica(&self) -> bool {
        let incarnation = self.incarnation.borrow();
        incarnation.as_ref().map(|told| told.role) == Some(Role::Replica)
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
}

pub(super) fn options(deadline: Duration) -> Options {
    Options {
        fail_fast: true,
        max_attempts: Some(1),
        timeout: Some(deadline),
        ..Options::default()
    }
}
