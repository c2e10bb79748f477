//! What a manager, its handles and its tasks share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use fred::{
    clients::{Client, WithOptions},
    error::ErrorKind,
    interfaces::ClientLike,
    types::{Resp3Frame, config::Options},
};
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    time::Instant,
};

use crate::breaker::Permit;

use super::{
    call::{Answer, Flight, Place},
    command::Command,
    error::CommandError,
    gate::Gate,
    health::{Cause, Class, ClassHealth, Health},
    incarnation::Incarnation,
    limits::Limits,
    reply::{self, Unfit},
    telemetry,
    value::Value,
};

#[derive(Debug)]
pub(super) struct Core {
    pub(super) client: Client,
    pub(super) runtime: Handle,
    /// For logs and metric labels: the address, without credentials.
    pub(super) server: String,
    pub(super) is_cluster: bool,
    pub(super) limits: Limits,
    pub(super) health: watch::Sender<Health>,
    pub(super) incarnation: watch::Sender<Option<Incarnation>>,
    pub(super) closing: watch::Sender<bool>,
    /// Wakes the prober: something has changed that a probe can find out about.
    pub(super) probe_now: Notify,
    /// Wakes the watchdog: there is something in flight again.
    pub(super) watch_now: Notify,
    pub(super) watchdog_rests: AtomicBool,
    /// Connections made so far.
    pub(super) generation: AtomicU64,
    /// Whether a handle keeps here what must not be evicted.
    pub(super) keeps: AtomicBool,
    /// What to add to [`now`](Self::now) to have the server's `TIME`, µs; `i64::MIN` while unknown.
    pub(super) clock_offset: AtomicI64,
    /// Whether the connection task has ended after `closing`.
    pub(super) ended: watch::Sender<bool>,
    read: Gate,
    write: Gate,
    in_flight: AtomicUsize,
    started: Instant,
    /// When something was in flight again after nothing was, or when the last reply came: µs since `started`.
    waiting_since: AtomicU64,
    last_reply: AtomicU64,
    timeouts: AtomicU32,
    reconnecting: Arc<AtomicBool>,
}

impl Core {
    pub(super) fn new(
        client: Client,
        runtime: Handle,
        server: String,
        is_cluster: bool,
        limits: Limits,
    ) -> Self {
        Self {
            client,
            runtime,
            server,
            is_cluster,
            limits,
            health: watch::Sender::new(Health::down(&Cause::Connecting)),
            incarnation: watch::Sender::new(None),
            closing: watch::Sender::new(false),
            probe_now: Notify::new(),
            watch_now: Notify::new(),
            watchdog_rests: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            keeps: AtomicBool::new(false),
            clock_offset: AtomicI64::new(i64::MIN),
            ended: watch::Sender::new(false),
            read: Gate::new(),
            write: Gate::new(),
            in_flight: AtomicUsize::new(0),
            started: Instant::now(),
            waiting_since: AtomicU64::new(0),
            last_reply: AtomicU64::new(0),
            timeouts: AtomicU32::new(0),
            reconnecting: Arc::default(),
        }
    }

    /// Ends when the manager is closed, or nobody holds it any more.
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
    pub(super) fn client_with(&self, deadline: Duration) -> WithOptions<Client> {
        self.client.with_options(&Options {
            fail_fast: true,
            max_attempts: Some(1),
            timeout: Some(deadline),
            ..Options::default()
        })
    }

    /// Lets a user's operation take off.
    pub(super) fn depart(
        self: &Arc<Self>,
        client: &WithOptions<Client>,
        command: Command,
    ) -> Result<Flight, CommandError> {
        let class = command.class;
        let Some(permit) = self.gate(class).admit(self.started.elapsed()) else {
            return Err(self.refusal(class));
        };
        let place = self.take_place(self.limits.in_flight()).ok_or_else(|| {
            telemetry::overloaded(&self.server);
            CommandError::Overloaded
        })?;
        Ok(Flight::prepare(place, client.clone(), command, permit))
    }

    /// Sends a probe: past the gate, and with a place even when all are taken.
    pub(super) async fn probe(self: &Arc<Self>, command: Command) -> Answer {
        let _place = self.take_place(usize::MAX);
        let (command, arguments) = command.into_parts();
        let answer = self
            .client_with(self.limits.probe_deadline())
            .custom_raw(command, arguments)
            .await;
        self.settle_unasked(&answer);
        answer
    }

    fn take_place(self: &Arc<Self>, limit: usize) -> Option<Place> {
        let before = self.in_flight.fetch_add(1, Ordering::AcqRel);
        let place = Place(Arc::clone(self));
        if before >= limit {
            return None;
        }
        if before == 0 {
            self.waiting_since.store(self.now(), Ordering::Release);
            if self.watchdog_rests.load(Ordering::Acquire) {
                self.watch_now.notify_one();
            }
        }
        Some(place)
    }

    pub(super) fn land(&self) {
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
    }

    /// Microseconds since the manager was opened.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The server's `TIME` after this delay, µs, never later than the truth; `None` while it is not known.
    pub(super) fn server_time(&self, after: Duration) -> Option<i64> {
        let offset = self.clock_offset.load(Ordering::Relaxed);
        let ours = i64::try_from(self.now())
            .ok()?
            .checked_add(i64::try_from(after.as_micros()).ok()?)?;
        (offset != i64::MIN).then(|| offset.saturating_add(ours))
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// How long operations have been in flight without a reply; `None` if nothing is in flight.
    pub(super) fn silence(&self) -> Option<Duration> {
        (self.in_flight() > 0).then(|| {
            Duration::from_micros(
                self.now()
                    .saturating_sub(self.waiting_since.load(Ordering::Acquire)),
            )
        })
    }

    /// Starts the wait for a reply over: the time until now says nothing about the server.
    pub(super) fn restart_silence(&self) {
        self.waiting_since.store(self.now(), Ordering::Release);
    }

    /// Books an answer and turns it into the caller's.
    pub(super) fn settle(
        &self,
        class: Class,
        permit: Permit,
        answer: Answer,
    ) -> Result<Value, CommandError> {
        match answer {
            Ok(Resp3Frame::SimpleError { data, .. }) => {
                self.replied();
                match reply::unfit(&data) {
                    Some((unfit, cause)) => self.count_failure(class, permit, unfit, &cause),
                    None => self.gate(class).succeeded(permit, self.started.elapsed()),
                }
                Err(reply::classify(&data))
            }
            Ok(frame) => {
                self.replied();
                self.gate(class).succeeded(permit, self.started.elapsed());
                match Value::from_frame(frame) {
                    Value::Error(error) => Err(error),
                    value => Ok(value),
                }
            }
            Err(error) => {
                let error = self.unanswered(&error);
                if error == CommandError::Deadline
                    && self.gate(class).failed(permit, self.started.elapsed())
                {
                    self.trip(class, &Cause::Deadlines);
                }
                Err(error)
            }
        }
    }

    /// Books the answer to a probe, or to an operation whose caller has gone. Neither counts at the gate, but a
    /// reply is a sign of life and a timeout is not.
    pub(super) fn settle_unasked(&self, answer: &Answer) {
        match answer {
            Ok(_) => self.replied(),
            Err(error) => {
                self.unanswered(error);
            }
        }
    }

    fn replied(&self) {
        let now = self.now();
        self.waiting_since.store(now, Ordering::Release);
        self.last_reply.store(now, Ordering::Relaxed);
        if self.timeouts.load(Ordering::Relaxed) != 0 {
            self.timeouts.store(0, Ordering::Relaxed);
        }
    }

    fn unanswered(&self, error: &fred::error::Error) -> CommandError {
        match error.kind() {
            ErrorKind::Timeout => {
                self.timed_out();
                CommandError::Deadline
            }
            // The library's words where it refused to send because it is not connected.
            ErrorKind::Canceled if error.details() == "Connection closed unexpectedly." => {
                CommandError::Unavailable
            }
            ErrorKind::Canceled | ErrorKind::IO | ErrorKind::Routing => CommandError::Interrupted,
            ErrorKind::Auth => CommandError::Auth,
            ErrorKind::Cluster => CommandError::Cluster,
            _ if *self.closing.borrow() => CommandError::Closed,
            ErrorKind::Unknown => CommandError::Interrupted,
            _ => reply::classify(error.details()),
        }
    }

    /// Replaces the connection, but only when it is surely dead: a gate that trips early costs little, a connection
    /// replaced early costs everything in flight.
    fn timed_out(&self) {
        telemetry::deadline(&self.server);
        let timeouts = self.timeouts.fetch_add(1, Ordering::Relaxed) + 1;
        let silence = Duration::from_micros(
            self.now()
                .saturating_sub(self.last_reply.load(Ordering::Relaxed)),
        );
        if timeouts < self.limits.reconnect_after_timeouts()
            || silence < self.limits.reconnect_after_silence()
        {
            return;
        }
        self.reconnect();
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

    /// A connection was made.
    pub(super) fn connected(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.timeouts.store(0, Ordering::Relaxed);
        telemetry::connected(&self.server);
        self.probe_now.notify_one();
    }

    fn count_failure(&self, class: Class, permit: Permit, unfit: Unfit, cause: &Cause) {
        if unfit.includes(class) && self.gate(class).failed(permit, self.started.elapsed()) {
            for class in Class::ALL
                .into_iter()
                .filter(|class| unfit.includes(*class))
            {
                self.trip(class, cause);
            }
        }
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
        let mut tripped = false;
        self.health.send_if_modified(|health| {
            let current = health.class_mut(class);
            let down = ClassHealth::Down {
                cause: cause.clone(),
            };
            if current.is_closed() || *current == down {
                return false;
            }
            tripped = current.is_up();
            *current = down;
            if tripped {
                self.gate(class).shut();
            }
            true
        });
        if tripped {
            telemetry::tripped(&self.server, class, cause);
            self.probe_now.notify_one();
        }
    }

    pub(super) fn trip_all(&self, cause: &Cause) {
        for class in Class::ALL {
            self.trip(class, cause);
        }
    }

    /// Opens the gate of a class again after a good probe.
    pub(super) fn restore(&self, class: Class) {
        let restored = self.health.send_if_modified(|health| {
            let current = health.class_mut(class);
            if current.is_closed() || current.is_up() {
                return false;
            }
            *current = ClassHealth::Up;
            self.gate(class).open();
            true
        });
        if restored {
            telemetry::restored(&self.server, class);
        }
    }
}
