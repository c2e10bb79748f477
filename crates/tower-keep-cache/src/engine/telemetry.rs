//! What the engine counts. Labels are few and fixed.

use std::time::Duration;

use metrics::{counter, gauge, histogram};
use tokio::time::Instant;
use tower_keep_core::telemetry::cache::{
    FILL_SECONDS, FILLS, INVALIDATIONS, LEASE_WAIT_SECONDS, MISSES, PENDING_INVALIDATION_SECONDS,
    PENDING_INVALIDATIONS, REFUSED_STORES, STORED_BYTES,
};

use super::fill::{FillOutcome, Unstored};
use crate::store::{MissCause, RefusedCause};

pub(super) fn missed(cause: MissCause) {
    let cause = match cause {
        MissCause::Absent => "absent",
        MissCause::Invalidated => "invalidated",
        MissCause::TagMissing => "tag_missing",
        MissCause::OtherIncarnation => "other_incarnation",
        MissCause::TagsMoved => "tags_moved",
        MissCause::Undecodable(_) => "undecodable",
    };
    counter!(MISSES, "cause" => cause).increment(1);
}

/// There is an entry, and the request wants a better one.
pub(super) fn stale() {
    counter!(MISSES, "cause" => "stale").increment(1);
}

pub(super) fn stored(outcome: &FillOutcome, bytes: usize) {
    match outcome {
        FillOutcome::Stored => counter!(STORED_BYTES).increment(bytes as u64),
        FillOutcome::Refused(cause) => refused(*cause),
        FillOutcome::Unstored(_) => {}
    }
    filled(match outcome {
        FillOutcome::Stored => "stored",
        FillOutcome::Refused(_) => "refused",
        FillOutcome::Unstored(Unstored::Redis(_)) => "redis_away",
        FillOutcome::Unstored(Unstored::Held | Unstored::Pending) => "blocked",
        FillOutcome::Unstored(Unstored::Abandoned) => "abandoned",
    });
}

fn refused(cause: RefusedCause) {
    let reason = match cause {
        RefusedCause::LeaseLost => "lease_lost",
        RefusedCause::OtherIncarnation => "other_incarnation",
        RefusedCause::FutureToken => "future_token",
        RefusedCause::Invalidated => "invalidated",
        RefusedCause::TooManyTags => "too_many_tags",
        RefusedCause::Replaced => "replaced",
    };
    counter!(REFUSED_STORES, "reason" => reason).increment(1);
}

/// A run has ended that began then, however it ended.
pub(super) fn ran(began: Instant) {
    histogram!(FILL_SECONDS).record(began.elapsed());
}

/// The fill of another process has been waited for since then.
pub(super) fn waited(began: Instant) {
    histogram!(LEASE_WAIT_SECONDS).record(began.elapsed());
}

pub(super) fn failed() {
    filled("failed");
}

pub(super) fn not_storable() {
    filled("not_storable");
}

pub(super) fn abandoned() {
    filled("abandoned");
}

fn filled(outcome: &'static str) {
    counter!(FILLS, "outcome" => outcome).increment(1);
}

pub(super) fn invalidated(acknowledged: bool) {
    let result = if acknowledged {
        "acknowledged"
    } else {
        "pending"
    };
    counter!(INVALIDATIONS, "result" => result).increment(1);
}

pub(super) fn pending(count: usize, oldest: Option<Instant>) {
    gauge!(PENDING_INVALIDATIONS).set(count as f64);
    let age = oldest.map_or(Duration::ZERO, |since| since.elapsed());
    gauge!(PENDING_INVALIDATION_SECONDS).set(age);
}
