//! What the connection says about itself. One log line for each change of state, never one for each command.

use std::{sync::Arc, time::Duration};

use metrics::{counter, gauge, histogram};

use crate::telemetry::{
    connection::{
        COMMAND_SECONDS, COMMANDS, CONNECTIONS, IN_FLIGHT, STATE_MILLISECONDS, TRIPS, UP,
    },
    target::CONNECTION,
};

use super::{
    error::CommandError,
    health::{Cause, Class},
    incarnation::Incarnation,
    outcome::Outcome,
    target::Node,
};

pub(super) fn tripped(server: &Arc<str>, class: Class, cause: &Cause) {
    down(server, class, cause);
    if *cause != Cause::Closed {
        counter!(TRIPS, "server" => Arc::clone(server), "class" => class.name(), "cause" => cause.label())
            .increment(1);
    }
}

/// It went down, or is down for another cause than before.
pub(super) fn down(server: &Arc<str>, class: Class, cause: &Cause) {
    match cause {
        Cause::Closed => {
            tracing::info!(target: CONNECTION, %server, class = class.name(), "closed")
        }
        _ => {
            tracing::warn!(target: CONNECTION, %server, class = class.name(), %cause, "redis is down")
        }
    }
}

pub(super) fn restored(server: &Arc<str>, class: Class) {
    tracing::info!(target: CONNECTION, %server, class = class.name(), "redis is up");
}

pub(super) fn commands(server: &Arc<str>, class: Class, outcome: Outcome, count: u64) {
    counter!(COMMANDS, "server" => Arc::clone(server), "class" => class.name(), "outcome" => outcome.name())
        .increment(count);
}

pub(super) fn latency(server: &Arc<str>, class: Class, latency: Duration, count: u64) {
    histogram!(COMMAND_SECONDS, "server" => Arc::clone(server), "class" => class.name())
        .record_many(latency, usize::try_from(count).unwrap_or(usize::MAX));
}

pub(super) fn in_flight(server: &Arc<str>, count: usize) {
    gauge!(IN_FLIGHT, "server" => Arc::clone(server)).set(count as f64);
}

/// The time that a class has been in a state.
pub(super) fn spent(server: &Arc<str>, class: Class, state: &'static str, time: Duration) {
    counter!(STATE_MILLISECONDS, "server" => Arc::clone(server), "class" => class.name(), "state" => state)
        .increment(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
}

pub(super) fn connected(server: &Arc<str>) {
    counter!(CONNECTIONS, "server" => Arc::clone(server)).increment(1);
}

pub(super) fn replacing(server: &Arc<str>) {
    tracing::info!(target: CONNECTION, %server, "replacing the connection");
}

pub(super) fn task_ended(server: &Arc<str>, why: &str) {
    tracing::warn!(target: CONNECTION, %server, why, "the connection task ended, starting it anew");
}

pub(super) fn incarnated(
    server: &Arc<str>,
    before: Option<&Incarnation>,
    now: Option<&Incarnation>,
) {
    match (before, now) {
        (_, None) => tracing::info!(target: CONNECTION, %server, "redis does not tell its run id"),
        (None, Some(now)) => tracing::info!(target: CONNECTION, %server, %now, "connected"),
        (Some(before), Some(now)) => {
            tracing::warn!(target: CONNECTION, %server, %before, %now, "another redis answers")
        }
    }
}

/// The masters of a cluster are others than before.
pub(super) fn remapped(server: &Arc<str>, masters: &[Node]) {
    let masters: Vec<_> = masters.iter().map(Node::to_string).collect();
    let masters = masters.join(",");
    tracing::info!(target: CONNECTION, %server, masters, "the masters of the cluster");
}

pub(super) fn denied(server: &Arc<str>, error: &CommandError) {
    tracing::warn!(target: CONNECTION, %server, %error, "a right is missing; `ACL LOG` on the server says which");
}

pub(super) fn evicts(server: &Arc<str>, policy: &str, endangered: &[&str]) {
    tracing::warn!(
        target: CONNECTION,
        %server,
        policy,
        endangered = endangered.join(", "),
        "maxmemory-policy lets redis evict keys that must be kept: they belong on a server with noeviction"
    );
}

/// Said again and again, for a recorder that is installed late.
pub(super) fn up(server: &Arc<str>, class: Class, up: bool) {
    gauge!(UP, "server" => Arc::clone(server), "class" => class.name())
        .set(f64::from(u8::from(up)));
}
