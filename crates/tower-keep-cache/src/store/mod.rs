//! The store: entries, tags and leases, in Redis or in this process.
//!
//! It is that half of the fill protocol which has to be atomic. The other half, who joins whose fill, is
//! the engine's.
//!
//! # The idea
//!
//! Every partition has one clock, which never gives a number twice. A fill draws a number before it loads
//! (its token), an invalidation draws one after the write (the tag's value). What was loaded may be stored,
//! and what was stored may be served, while all its tags are below its token: then no invalidation came
//! after the load began. Nothing is deleted and nobody is told: an invalidation overtakes whatever began
//! before it, wherever that is.
//!
//! # The rules, and the tests that show what each is for
//!
//! `tests::interleavings` tries random interleavings of fills, writers, readers, evictions of any key, steps
//! of the clock and restarts from an older state, on both stores. `tests::rules` takes a rule out and finds
//! the promise that is broken without it; with all rules in place the same search finds nothing
//! (`with_all_rules_nothing_is_found_around_any_counterexample`).
//!
//! | rule | where | without it |
//! |---|---|---|
//! | R1: incarnation, epoch, clock and floor are one value | `record.lua` | C9: `without_r1_one_record_a_lost_clock_leaves_a_stale_entry_is_found` |
//! | R2: the token becomes the clock | `begin_fill.lua` | C2: `without_r2_clock_write_a_stale_store_is_found` |
//! | R2: the token is later than every number | `begin_fill.lua` | C6: `without_r2_later_token_a_refused_fill_is_found` |
//! | R3: the lease is a token and a nonce | `store.lua` | C7: `without_r3_nonce_a_store_under_anothers_lease_is_found` |
//! | R4: a missing tag is made at the floor | `record.lua` | C3: `without_r4_floor_a_stale_entry_is_found` |
//! | R5: a void lease is taken over | `begin_fill.lua` | `without_r5_takeover_a_wait_for_a_void_lease_is_found` (with it: `a_lease_that_lasts_too_long_is_taken_over`) |
//! | R6: an entry is judged by one reading of it and all its tags | [`judge`] | C8: `without_r6_one_reading_a_stale_read_is_found` |
//! | R10: a new head is put before the body that the handler was asked about | `store.lua` | C10: `without_r10_one_answers_head_before_anothers_body_is_found` |
//! | R12: what is put was read after the token | the engine, on `begin_fill` and `store` | C11: there |
//!
//! R4 has two sides. `begin_fill` makes the tags that a fill expects, so that an invalidation of anything else
//! cannot refuse it. `invalidate` makes none: a tag that nobody cached anything with needs no memory, since it
//! is made at the floor, which every invalidation moves, before anything can be stored with it. The floor
//! counts for tags that are made anew and for no others: else every invalidation would refuse every fill.
//!
//! A read that found an entry with tags that nobody expected reads everything again, entry and record
//! included. Reading the missing tags alone would be cheaper, and wrong when another server answers.
//!
//! What Redis forgets on a failover or in a restart from an older state it cannot know. The connection tells
//! of another life of the server, and the engine then flushes before it believes anything
//! (`after_a_restart_from_an_older_state_and_a_flush_nothing_older_is_had`).
//!
//! # Twins
//!
//! [`partition`] does in this process what the scripts do in Redis. With the same clock both give the same
//! answers and leave the same numbers, to the µs:
//! `tests::conformance::both_stores_answer_alike_to_the_microsecond`.

mod answer;
mod backend;
mod judge;
mod memory;
mod names;
mod partition;
mod record;
mod redis;
mod remembered;
mod scripts;
mod shelf;
mod tags;

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use self::memory::MemoryStore;
pub(crate) use self::{
    answer::{Begin, Elsewhere, Found, Lease, Lookup, MissCause, RefusedCause, Revision, Stored},
    backend::Store,
    memory::MemoryStores,
    record::Incarnation,
    redis::RedisStore,
};
