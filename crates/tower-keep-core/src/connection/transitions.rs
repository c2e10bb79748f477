//! How the state of a connection changes: it is made, it trips, it is restored, another server answers.

use std::{mem, sync::atomic::Ordering};

use super::{
    core::Core,
    error::CommandError,
    health::{Cause, Class, ClassHealth, Health},
    incarnation::Incarnation,
    telemetry,
};

/// The state of a class that is not down; else it is the cause's word.
const UP: &str = "up";

impl Core {
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

#[cfg(test)]
mod tests {
    use fred::types::Builder;
    use tokio::runtime::Handle;

    use super::*;
    use crate::connection::{
        limits::Limits,
        ties::{Part, Ties},
    };

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
