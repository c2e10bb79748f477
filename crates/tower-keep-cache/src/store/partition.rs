//! The fill protocol of one partition, in this process: the twin of the scripts.
//!
//! Each method does what the script of its name does, in the same order, and takes the time and the
//! random number that the script is given. One conformance suite runs on both.

use std::{sync::Arc, time::Duration};

use super::{
    answer::{Begin, Found, Lease, Lookup, MissCause, Onto, Poll, RefusedCause, Revision, Stored},
    record::{Nonce, Record},
    shelf::{Kept, Shelf},
    tags::Tags,
};
use crate::{
    entry::{Entry, Envelope},
    key::{EntryKey, KeyMap},
    tag::TagId,
};

#[derive(Debug)]
pub(super) struct Partition {
    record: Option<Record>,
    tags: Tags,
    leases: KeyMap<Held>,
    /// How many leases there may be before those that ran out are dropped.
    sweep_at: usize,
    shelf: Shelf,
}

#[derive(Debug)]
struct Held {
    lease: Lease,
    expires_at: u64,
}

const LEASE_MICROS: u64 = Lease::TTL.as_micros() as u64;

/// So many leases are kept at least before those that ran out are looked for.
const SPARE: usize = 256;

impl Partition {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            record: None,
            tags: Tags::new(),
            leases: KeyMap::default(),
            sweep_at: SPARE,
            shelf: Shelf::new(max_bytes),
        }
    }

    pub(super) fn lookup(&mut self, now: u64, key: &EntryKey) -> Lookup {
        let Some(kept) = self.shelf.find(key).filter(|kept| kept.expires_at > now) else {
            return Lookup::Miss(MissCause::Absent);
        };
        match judge(self.record.as_ref(), kept) {
            None => Lookup::Hit(Found {
                entry: Arc::clone(&kept.entry),
                tags: Arc::clone(&kept.tags),
                revision: kept.revision,
            }),
            Some(cause) => Lookup::Miss(cause),
        }
    }

    pub(super) fn poll(&mut self, now: u64, key: &EntryKey, expected: &[TagId]) -> Poll {
        let found = self.lookup(now, key);
        let held = self.record.as_ref().is_some_and(|record| {
            let value = |&tag: &TagId| self.tags.value(tag).unwrap_or(record.floor);
            let newest = expected.iter().map(value).fold(record.epoch, u64::max);
            let held = self.leases.get(key);
            held.is_some_and(|held| held.expires_at > now && held.lease.is_good(record, newest))
        });
        Poll { found, held }
    }

    pub(super) fn begin_fill(
        &mut self,
        now: u64,
        key: &EntryKey,
        expected: &[TagId],
        nonce: Nonce,
    ) -> Begin {
        let record = self
            .record
            .get_or_insert_with(|| Record::new(nonce.incarnation()));
        let mut newest = record.epoch;
        for &tag in expected {
            let cell = self.tags.make(tag, record.floor);
            newest = newest.max(cell.value().unwrap_or(record.floor));
        }
        let token = record.next(now);
        if newest >= token {
            return Begin::NoStoreUntil(Duration::from_micros(newest - token + 1));
        }
        if let Some(held) = self.leases.get(key) {
            let remaining = held.expires_at.saturating_sub(now);
            // More than a lease can have: the clock was stepped back, and nobody should wait for that.
            // In whole ms, as Redis counts.
            let possible = remaining > 0 && remaining / 1000 <= LEASE_MICROS / 1000;
            if possible && held.lease.is_good(record, newest) {
                return Begin::Held {
                    remaining: Duration::from_micros(remaining),
                };
            }
        }
        record.clock = token;
        let lease = Lease {
            incarnation: record.incarnation,
            token,
            nonce,
        };
        self.hold(now, key, &lease);
        Begin::Lease(lease)
    }

    pub(super) fn renew(&mut self, now: u64, key: &EntryKey, lease: &Lease) -> bool {
        let held = self.leases.get_mut(key);
        let Some(held) = held.filter(|held| held.is(lease, now)) else {
            return false;
        };
        held.expires_at = now + LEASE_MICROS;
        true
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "what the script is given, in its order"
    )]
    pub(super) fn store(
        &mut self,
        now: u64,
        key: &EntryKey,
        lease: &Lease,
        tags: &[TagId],
        entry: &Arc<Entry>,
        ttl: Duration,
        onto: Onto<'_>,
    ) -> Stored {
        if tags.len() > Envelope::MAX_TAGS {
            self.release(key, lease);
            return Stored::Refused(RefusedCause::TooManyTags);
        }
        let mine = self.leases.get(key).is_some_and(|held| held.is(lease, now));
        if mine {
            self.leases.remove(key);
        }
        let Some(record) = &self.record else {
            return Stored::Refused(RefusedCause::OtherIncarnation);
        };
        let cells: Box<[_]> = tags
            .iter()
            .map(|&tag| self.tags.make(tag, record.floor))
            .collect();
        let refused = if !mine {
            Some(RefusedCause::LeaseLost)
        } else if record.incarnation != lease.incarnation {
            Some(RefusedCause::OtherIncarnation)
        } else if lease.token > record.clock.max(now) {
            Some(RefusedCause::FutureToken)
        } else if record.epoch >= lease.token
            || !cells.iter().all(|cell| cell.is_below(lease.token))
        {
            Some(RefusedCause::Invalidated)
        } else if matches!(onto, Onto::Head(of) if !self.shelf.holds(key, of, now)) {
            Some(RefusedCause::Replaced)
        } else {
            None
        };
        if let Some(cause) = refused {
            return Stored::Refused(cause);
        }
        let kept = Kept {
            entry: Arc::clone(entry),
            tags: tags.into(),
            cells,
            revision: Revision {
                incarnation: lease.incarnation,
                stamp: lease.token,
            },
            expires_at: now.saturating_add(ttl.as_micros() as u64),
        };
        let Onto::Elsewhere(elsewhere) = onto else {
            self.shelf.put(key, kept);
            return Stored::Stored;
        };
        if let Some((page, variants)) = &elsewhere.variants {
            let longest = self.shelf.find(page).map_or(0, |kept| kept.expires_at);
            let variants = Kept {
                entry: Arc::clone(variants),
                tags: Arc::default(),
                cells: Box::default(),
                revision: kept.revision,
                expires_at: kept.expires_at.max(longest),
            };
            self.shelf.put(page, variants);
        }
        self.shelf.put(&elsewhere.key, kept);
        Stored::Stored
    }

    pub(super) fn release(&mut self, key: &EntryKey, lease: &Lease) {
        if self
            .leases
            .get(key)
            .is_some_and(|held| held.lease == *lease)
        {
            self.leases.remove(key);
        }
    }

    pub(super) fn invalidate(&mut self, now: u64, tags: &[TagId], hold: Duration, nonce: Nonce) {
        let record = self
            .record
            .get_or_insert_with(|| Record::new(nonce.incarnation()));
        record.clock = record.next(now);
        let until = record.clock.saturating_add(hold.as_micros() as u64);
        record.floor = record.floor.max(until);
        for &tag in tags {
            self.tags.raise(tag, until);
        }
    }

    pub(super) fn flush(&mut self, now: u64, nonce: Nonce) {
        let record = self
            .record
            .get_or_insert_with(|| Record::new(nonce.incarnation()));
        record.clock = record.next(now);
        record.epoch = record.clock;
        record.floor = record.floor.max(record.clock);
    }

    fn hold(&mut self, now: u64, key: &EntryKey, lease: &Lease) {
        if self.leases.len() >= self.sweep_at {
            self.leases.retain(|_, held| held.expires_at > now);
            self.sweep_at = 2 * self.leases.len() + SPARE;
        }
        let held = Held {
            lease: lease.clone(),
            expires_at: now + LEASE_MICROS,
        };
        self.leases.insert(key.clone(), held);
    }
}

impl Held {
    fn is(&self, lease: &Lease, now: u64) -> bool {
        self.lease == *lease && self.expires_at > now
    }
}

impl Lease {
    /// R5: whether its holder can still store, as far as can be told: `newest` is the latest
    /// invalidation of an expected tag or of everything.
    pub(super) fn is_good(&self, record: &Record, newest: u64) -> bool {
        self.incarnation == record.incarnation && self.token > newest
    }
}

/// R6: why an entry may not be served, if it may not.
fn judge(record: Option<&Record>, kept: &Kept) -> Option<MissCause> {
    let Some(record) = record.filter(|record| record.incarnation == kept.revision.incarnation)
    else {
        return Some(MissCause::OtherIncarnation);
    };
    if record.epoch >= kept.revision.stamp {
        return Some(MissCause::Invalidated);
    }
    let stale = kept
        .cells
        .iter()
        .find(|cell| !cell.is_below(kept.revision.stamp))?;
    Some(match stale.value() {
        None => MissCause::TagMissing,
        Some(_) => MissCause::Invalidated,
    })
}

#[cfg(test)]
#[path = "partition_tests.rs"]
mod tests;
#[cfg(test)]
pub(super) use self::tests::Image;
