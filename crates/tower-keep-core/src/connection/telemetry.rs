//! What the connection says about itself. One log line for each change of state, never one for each command.

use metrics::{counter, gauge};

use std::sync::Arc;

use crate::telemetry::{
    connection::{CONNECTIONS, DEADLINES, OVERLOADED, TRIPS, UP},
    target::CONNECTION,
};

use super::{
    error::CommandError,
    health::{Cause, Class},
    incarnation::Incarnation,
};

pub(super) fn tripped(server: &Arc<str>, class: Class, cause: &Cause) {
    down(server, class, cause);
    if *cause != Cause::Closed {
        counter!(TRIPS, "server" => Arc::clone(server), "class" => class.name(), "cause" => cause.label())
            .increment(1);
    }
    up(server, class, false);
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
    up(server, class, true);
}

pub(super) fn deadline(server: &Arc<str>) {
    counter!(DEADLINES, "server" => Arc::clone(server)).increment(1);
}

pub(super) fn overloaded(server: &Arc<str>) {
    counter!(OVERLOADED, "server" => Arc::clone(server)).increment(1);
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

pub(super) fn denied(server: &Arc<str>, error: &CommandError) {
    tracing::warn!(target: CONNECTION, %server, %error, "a right is missing; `ACL LOG` on the server says which");
}

pub(super) fn evicts(server: &Arc<str>, policy: &str) {
    tracing::warn!(
        target: CONNECTION,
        %server,
        policy,
        "maxmemory-policy lets redis evict keys that must be kept: sessions, tokens and limits belong on a server with \
         noeviction"
    );
}

/// Said again and again, for a recorder that is installed late.
pub(super) fn up(server: &Arc<str>, class: Class, up: bool) {
    gauge!(UP, "server" => Arc::clone(server), "class" => class.name())
        .set(f64::from(u8::from(up)));
}
