//! How operations take off, and how their answers are booked.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use fred::{
    clients::{Client, WithOptions},
    error::ErrorKind,
    interfaces::ClientLike,
    types::Resp3Frame,
};

use crate::{RedisBudget, breaker::Permit};

use super::{
    carrier::Answer,
    command::Command,
    core::Core,
    error::CommandError,
    flight::{Flight, Place},
    health::{Cause, Class},
    redirect::Redirection,
    reply::{self, Unfit},
    telemetry,
};

impl Core {
    /// Lets a user's operation take off.
    pub(super) fn depart(
        self: &Arc<Self>,
        client: &Arc<WithOptions<Client>>,
        deadline: Duration,
        command: Command,
    ) -> Result<Flight, CommandError> {
        match RedisBudget::current() {
            None => self.take_off(client, deadline, command),
            Some(budget) => self.depart_on(budget, client, deadline, command),
        }
    }

    /// On the time that is left to a request.
    fn depart_on(
        self: &Arc<Self>,
        budget: RedisBudget,
        client: &Arc<WithOptions<Client>>,
        deadline: Duration,
        command: Command,
    ) -> Result<Flight, CommandError> {
        let Some(waiting) = budget.wait() else {
            return Err(self.refuse(command.class, CommandError::BudgetSpent));
        };
        // Zero would mean "no deadline" to the client library.
        let left = waiting.left().max(Duration::from_millis(1));
        let hurried = left < deadline;
        let flight = match hurried {
            true => self.take_off(&self.client_with(left), left, command),
            false => self.take_off(client, deadline, command),
        };
        Ok(flight?.charged(waiting, hurried))
    }

    fn take_off(
        self: &Arc<Self>,
        client: &Arc<WithOptions<Client>>,
        deadline: Duration,
        command: Command,
    ) -> Result<Flight, CommandError> {
        let class = command.class;
        let now = self.now();
        let Some(permit) = self.gate(class).admit(now) else {
            return Err(self.refuse(class, self.refusal(class)));
        };
        let Some(place) = self.take_place(now, deadline, self.limits.in_flight()) else {
            return Err(self.refuse(class, CommandError::Overloaded));
        };
        Ok(Flight::prepare(place, Arc::clone(client), command, permit))
    }

    /// Books an operation that is not sent.
    pub(super) fn refuse(&self, class: Class, error: CommandError) -> CommandError {
        self.ledger.refused(class, &error);
        error
    }

    /// Sends a probe: past the gate, and with a place even when all are taken.
    pub(super) async fn probe(self: &Arc<Self>, command: Command) -> Answer {
        let deadline = self.limits.probe_deadline();
        let now = self.now();
        let place = self.take_place(now, deadline, usize::MAX);
        let (command, arguments) = command.into_parts();
        let answer = self
            .client_with(deadline)
            .custom_raw(command, arguments)
            .await;
        if let Some(place) = place {
            self.settle_unasked(&place, &answer);
        }
        answer
    }

    pub(super) fn take_place(
        self: &Arc<Self>,
        now: Duration,
        deadline: Duration,
        limit: usize,
    ) -> Option<Place> {
        let before = self.traffic.depart(now);
        let place = Place {
            core: Arc::clone(self),
            departed: now,
            due: now + deadline,
            hurried: false,
        };
        if before == 0 && self.watchdog_rests.load(Ordering::SeqCst) {
            self.watch_now.notify_one();
        }
        (before < limit).then_some(place)
    }

    /// Books an answer and turns it into the caller's.
    pub(super) fn settle(
        &self,
        place: &Place,
        class: Class,
        permit: Permit,
        answer: Answer,
    ) -> Result<Resp3Frame, CommandError> {
        let now = self.now();
        let mut result = self.judge(place, class, permit, answer, now);
        if result.is_ok() && !self.arrivals.all_seen() {
            // It may be that of a server that was never looked at.
            result = Err(CommandError::Interrupted);
        }
        let latency = now.saturating_sub(place.departed);
        self.ledger.ended(class, &result, latency);
        result
    }

    fn judge(
        &self,
        place: &Place,
        class: Class,
        permit: Permit,
        answer: Answer,
        now: Duration,
    ) -> Result<Resp3Frame, CommandError> {
        match answer {
            Ok(Resp3Frame::SimpleError { data, .. }) => {
                self.traffic.replied(now);
                match reply::unfit(&data) {
                    Some((unfit, cause)) => self.count_failure(class, permit, unfit, &cause, now),
                    None => self.gate(class).succeeded(permit, now),
                }
                let error = self.error_of(&data);
                self.tell_denial(&error);
                Err(error)
            }
            Ok(frame) => {
                self.traffic.replied(now);
                self.gate(class).succeeded(permit, now);
                Ok(frame)
            }
            Err(error) => {
                let error = self.translate(&error);
                let missed = error == CommandError::Deadline && self.missed_deadline(place, now);
                if missed && self.gate(class).failed(permit, now) {
                    self.trip(class, &Cause::Deadlines);
                }
                Err(error)
            }
        }
    }

    /// Books the answer to a probe, or to an operation whose caller has gone. Neither counts at the gate, but a
    /// reply is a sign of life and a timeout is not.
    pub(super) fn settle_unasked(&self, place: &Place, answer: &Answer) {
        let now = self.now();
        match answer {
            Ok(_) => self.traffic.replied(now),
            Err(error) if *error.kind() == ErrorKind::Timeout => {
                self.missed_deadline(place, now);
            }
            Err(_) => {}
        }
    }

    /// Books a missed deadline; says whether the server is to blame.
    ///
    /// Replaces the connection, but only when it is surely dead: a gate that trips early costs little, a connection
    /// replaced early costs everything in flight.
    fn missed_deadline(&self, place: &Place, now: Duration) -> bool {
        if place.hurried {
            return false;
        }
        // Told this late, the runtime was starved, and a reply may be there that nobody had the time to read.
        if now > place.due + self.limits.stall_age() / 2 {
            return false;
        }
        let (timeouts, silence) = self.limits.reconnect_after();
        if self.traffic.timed_out(now, timeouts, silence) {
            self.reconnect();
        }
        true
    }

    /// An error reply as the caller's error. That of a master that sends on says where to.
    pub(super) fn error_of(&self, reply: &str) -> CommandError {
        let sent_on = self.node().and_then(|node| Redirection::read(reply, node));
        match sent_on {
            Some(redirection) => redirection.into(),
            None => reply::classify(reply),
        }
    }

    /// The client library's error as ours.
    fn translate(&self, error: &fred::error::Error) -> CommandError {
        match error.kind() {
            ErrorKind::Timeout => CommandError::Deadline,
            // The library's words where it refused to send because it is not connected.
            ErrorKind::Canceled if error.details() == "Connection closed unexpectedly." => {
                CommandError::Unavailable
            }
            // Protocol: what came was no reply, and the connection was given up with all that was in flight.
            // Unknown: the connection's task has ended, as at a close that could not wait any longer. It may have sent it.
            ErrorKind::Canceled
            | ErrorKind::IO
            | ErrorKind::Routing
            | ErrorKind::Protocol
            | ErrorKind::Unknown => CommandError::Interrupted,
            ErrorKind::Auth => CommandError::Auth,
            ErrorKind::Cluster => CommandError::Cluster,
            _ => reply::classify(error.details()),
        }
    }

    /// Logs what the access control list denies, once: it stays so until somebody changes the list.
    pub(super) fn tell_denial(&self, error: &CommandError) {
        if self.denials.is_news(error) {
            telemetry::denied(&self.server, error);
        }
    }

    fn count_failure(
        &self,
        class: Class,
        permit: Permit,
        unfit: Unfit,
        cause: &Cause,
        now: Duration,
    ) {
        if unfit.includes(class) && self.gate(class).failed(permit, now) {
            for class in Class::ALL
                .into_iter()
                .filter(|class| unfit.includes(*class))
            {
                self.trip(class, cause);
            }
        }
    }
}
