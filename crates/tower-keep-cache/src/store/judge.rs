//! R6: whether what Redis answered may be served.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    answer::{Found, Lease, MissCause, Revision},
    record::{Nonce, Record, number},
};
use crate::{entry::Envelope, tag::TagId};

/// One answer of Redis about one entry: values that were there at one moment, as one command read them.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// The digest of the entry's key.
    pub(super) key: [u8; 32],
    /// The tags that were asked for.
    pub(super) asked: Arc<[TagId]>,
    /// The record, the entry, and the values of the tags: in the order of [`Place::reading`](super::names::Place::reading).
    pub(super) values: Vec<Option<Bytes>>,
}

const RECORD: usize = 0;
const ENTRY: usize = 1;
const TAGS: usize = 2;

#[derive(Debug)]
pub(super) enum Verdict {
    Servable(Found),
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
        let entry = self.values.get_mut(ENTRY).and_then(Option::take);
        let entry = entry.ok_or(MissCause::Absent)?;
        let envelope = Envelope::open(entry, &self.key).map_err(MissCause::Undecodable)?;
        let stamp = envelope.stamp();
        let record = self.text(RECORD).and_then(Record::start);
        let (_, epoch, _) = record
            .filter(|(incarnation, ..)| incarnation == envelope.incarnation())
            .ok_or(MissCause::OtherIncarnation)?;
        if epoch >= stamp {
            return Err(MissCause::Invalidated);
        }
        let mut all_asked = true;
        for (number, tag) in envelope.tags().enumerate() {
            let Some(place) = self.place(number, tag) else {
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
        let revision = Revision {
            incarnation: *envelope.incarnation(),
            stamp,
        };
        let entry = envelope.into_entry().map_err(MissCause::Undecodable)?;
        Ok(Verdict::Servable(Found {
            entry: Arc::new(entry),
            tags,
            revision,
        }))
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
        Record::parse(self.text(RECORD)?)
    }

    /// Where the entry's tag of this number was asked for: at the same place, as a rule.
    fn place(&self, number: usize, tag: TagId) -> Option<usize> {
        if self.asked.get(number) == Some(&tag) {
            return Some(number);
        }
        self.asked.iter().position(|&asked| asked == tag)
    }

    fn value(&self, place: usize) -> Option<u64> {
        number(self.text(TAGS + place)?)
    }

    fn text(&self, place: usize) -> Option<&[u8]> {
        self.values.get(place)?.as_deref()
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{entry::Entry, tag::Tag};

    /// A reading of an entry with stamp 100 and these tags, when the asked ones have these values.
    fn reading(own: &[&str], asked: &[(&str, Option<&'static str>)]) -> Reading {
        let ids: Vec<_> = own.iter().map(|&tag| Tag::from(tag).id()).collect();
        let incarnation = Nonce::new(7 << 64).incarnation();
        let entry = Entry::value(0, 0, Bytes::new(), 0, Duration::ZERO);
        let record = format!("{} 50 200 150", incarnation.as_bytes().escape_ascii());
        let mut values = vec![
            Some(record.into()),
            Some(Envelope::encode(&entry, &ids, &incarnation, 100, &[1; 32])),
        ];
        values.extend(asked.iter().map(|&(_, value)| value.map(Bytes::from)));
        Reading {
            key: [1; 32],
            asked: asked.iter().map(|&(tag, _)| Tag::from(tag).id()).collect(),
            values,
        }
    }

    fn cause(reading: Reading) -> Option<MissCause> {
        match reading.judge() {
            Verdict::Miss(cause) => Some(cause),
            Verdict::Servable(_) => None,
            Verdict::Unexpected { tags } => panic!("unexpected: {tags:?}"),
        }
    }

    #[test]
    fn an_entry_is_judged_by_its_own_tags_and_no_others() {
        assert_eq!(cause(reading(&[], &[])), None);
        assert_eq!(
            cause(reading(&["a"], &[("b", Some("100")), ("a", Some("99"))])),
            None
        );
        assert_eq!(
            cause(reading(&["a"], &[("b", None), ("a", Some("0"))])),
            None
        );
        let overtaken = reading(&["a", "b"], &[("a", Some("99")), ("b", Some("100"))]);
        assert_eq!(cause(overtaken), Some(MissCause::Invalidated));
    }

    #[test]
    fn a_tag_of_which_nobody_can_say_anything_is_a_miss() {
        for value in [None, Some(""), Some("-1"), Some("x"), Some("1e3")] {
            let unknown = reading(&["a"], &[("a", value)]);
            assert_eq!(cause(unknown), Some(MissCause::TagMissing), "{value:?}");
        }
    }

    #[test]
    fn an_entry_without_its_record_is_a_miss() {
        for record in [None, Some("x"), Some("AAAAAAAAAAAAAAAA 0 0 0")] {
            let mut lost = reading(&[], &[]);
            lost.values[RECORD] = record.map(Bytes::from);
            assert_eq!(cause(lost), Some(MissCause::OtherIncarnation), "{record:?}");
        }
    }

    #[test]
    fn tags_that_were_not_asked_for_are_named() {
        let Verdict::Unexpected { tags } = reading(&["a", "b"], &[("b", Some("1"))]).judge() else {
            panic!("judged without a tag");
        };
        assert_eq!(*tags, [Tag::from("a").id(), Tag::from("b").id()]);
        let stale = reading(&["a", "b"], &[("b", Some("100"))]);
        assert_eq!(
            cause(stale),
            Some(MissCause::Invalidated),
            "no second reading could save it"
        );
    }

    #[test]
    fn a_lease_is_good_while_nothing_has_overtaken_it() {
        let good = |text: &str| {
            let lease = text.replace(
                "ours",
                &Nonce::new(7 << 64)
                    .incarnation()
                    .as_bytes()
                    .escape_ascii()
                    .to_string(),
            );
            reading(&[], &[("a", Some("120")), ("b", None)]).is_good(&Bytes::from(lease))
        };
        let nonce = "AAAAAAAAAAAAAAAAAAAAAA";
        assert!(good(&format!("ours 151 {nonce}")));
        // A missing tag is made at the floor.
        assert!(!good(&format!("ours 150 {nonce}")));
        assert!(!good(&format!("BBBBBBBBBBBBBBBB 151 {nonce}")));
        assert!(!good("ours 151"));
        assert!(!good(""));
    }
}
