//! What the engine counts. Labels are few and fixed.

use metrics::{Key, Label, Level, Metadata, counter, gauge};
use tower_keep_core::telemetry::cache::{
    FILLS, INVALIDATIONS, MISSES, PENDING_INVALIDATIONS, REQUESTS,
};

use super::{
    admission::{Admission, AloneReason, Outcome},
    fill::{FillOutcome, Unstored},
};
use crate::store::MissCause;

/// What every hit counts, made once: the macro would build and hash the key each time.
static HIT: Key = Key::from_static_parts(REQUESTS, &HIT_LABELS);
static HIT_LABELS: [Label; 1] = [Label::from_static_parts("result", "hit")];
static METADATA: Metadata<'static> =
    Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

pub(super) fn hit() {
    metrics::with_recorder(|to| to.register_counter(&HIT, &METADATA)).increment(1);
}

/// A request that took only what was stored, and nothing was.
pub(super) fn unsatisfied() {
    counter!(REQUESTS, "result" => "unsatisfied").increment(1);
}

pub(super) fn admitted(admission: &Admission) {
    let result = match admission {
        Admission::Hit(_) => return hit(),
        Admission::Lead(_) => "lead",
        Admission::Copy(Outcome::Entry(_)) => "copy",
        Admission::Copy(Outcome::Failed(_)) => "failure",
        Admission::Alone(reason) => match reason {
            AloneReason::NotStorable => "not_storable",
            AloneReason::HitForMiss | AloneReason::Foreign => "hit_for_miss",
            AloneReason::WaitTimeout => "wait_timeout",
            AloneReason::Full => "full",
            AloneReason::Nested => "nested",
            AloneReason::Abandoned => "abandoned",
        },
    };
    counter!(REQUESTS, "result" => result).increment(1);
}

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

pub(super) fn stored(outcome: &FillOutcome) {
    filled(match outcome {
        FillOutcome::Stored => "stored",
        FillOutcome::Refused(_) => "refused",
        FillOutcome::Unstored(Unstored::Redis(_)) => "redis_away",
        FillOutcome::Unstored(Unstored::Held | Unstored::Pending) => "blocked",
        FillOutcome::Unstored(Unstored::Abandoned) => "abandoned",
    });
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

pub(super) fn pending(count: usize) {
    gauge!(PENDING_INVALIDATIONS).set(count as f64);
}
