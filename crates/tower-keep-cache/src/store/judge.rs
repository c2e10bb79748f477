//! R6: whether what Redis answered may be served.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    answer::{Lease, MissCause},
    record::{Nonce, Record},
};
use crate::{
    entry::{Entry, Envelope},
    tag::TagId,
};

/// One answer of Redis about one entry: values that were there at one moment, as one command read them.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) record: Option<Bytes>,
    pub(super) entry: Option<Bytes>,
    /// The tags that were asked for, and their values.
    pub(super) asked: Arc<[TagId]>,
    pub(super) values: Vec<Option<Bytes>>,
}

#[derive(Debug)]
pub(super) enum Verdict {
    Servable {
        entry: Arc<Entry>,
        tags: Arc<[TagId]>,
    },
    Miss(MissCause),
    /// The entry has tags that were not asked for, and nothing else is known against it. They have to be
    /// read together with the entry: read later, perhaps from a server that has taken over and started
    /// from an older state, they would say nothing about this one.
    Unexpected {
        tags: Arc<[TagId]>,
    },
}

impl Reading {
    /// Compares the entry with the tags that it names itself, whatever was expected.
    pub(super) fn judge(mut self) -> Verdict {
        self.weigh().unwrap_or_else(Verdict::Miss)
    }

    fn weigh(&mut self) -> Result<Verdict, MissCause> {
        let entry = self.entry.take().ok_or(MissCause::Absent)?;
        let envelope = Envelope::open(entry).map_err(MissCause::Undecodable)?;
        let stamp = envelope.stamp();
        let record = self
            .record()
            .filter(|record| record.incarnation == *envelope.incarnation())
            .ok_or(MissCause::OtherIncarnation)?;
        if record.epoch >= stamp {
            return Err(MissCause::Invalidated);
        }
        let mut all_asked = true;
        for tag in envelope.tags() {
            let Some(place) = self.place(tag) else {
                all_asked = false;
                continue;
            };
            if self.value(place).ok_or(MissCause::TagMissing)? >= stamp {
                return Err(MissCause::Invalidated);
            }
        }
        let tags = if envelope.tags().eq(self.asked.iter().copied()) {
            Arc::clone(&self.asked)
        } else {
            envelope.tags().collect()
        };
        if !all_asked {
            return Ok(Verdict::Unexpected { tags });
        }
        let entry = envelope.into_entry().map_err(MissCause::Undecodable)?;
        Ok(Verdict::Servable {
            entry: Arc::new(entry),
            tags,
        })
    }

    /// R5: whether the holder of `lease` can still store, as far as the tags that were asked for say.
    pub(super) fn is_good(&self, lease: &Bytes) -> bool {
        let (Some(record), Some(lease)) = (self.record(), parse_lease(lease)) else {
            return false;
        };
        let value = |place| self.value(place).unwrap_or(record.floor);
        let newest = (0..self.asked.len())
            .map(value)
            .fold(record.epoch, u64::max);
        lease.is_good(&record, newest)
    }

    fn record(&self) -> Option<Record> {
        Record::parse(self.record.as_deref()?)
    }

    fn place(&self, tag: TagId) -> Option<usize> {
        self.asked.iter().position(|&asked| asked == tag)
    }

    fn value(&self, place: usize) -> Option<u64> {
        let text = self.values.get(place)?.as_deref()?;
        std::str::from_utf8(text).ok()?.parse().ok()
    }
}

/// Reads `incarnation token nonce`.
fn parse_lease(text: &[u8]) -> Option<Lease> {
    let mut fields = std::str::from_utf8(text).ok()?.split(' ');
    let incarnation: [u8; 16] = fields.next()?.as_bytes().try_into().ok()?;
    let token = fields.next()?.parse().ok()?;
    let nonce = Nonce::parse(fields.next()?)?;
    Some(Lease {
        incarnation: incarnation.into(),
        token,
        nonce,
    })
}
