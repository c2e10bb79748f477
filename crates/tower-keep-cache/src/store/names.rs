//! What the keys in Redis are called.
//!
//! | key | holds |
//! |---|---|
//! | `{namespace:partition}:m` | the partition's record |
//! | `{namespace:partition}:e:<48 digits>` | an entry |
//! | `{namespace:partition}:l:<48 digits>` | the lease of an entry's fill |
//! | `{namespace:partition}:t:<32 digits>` | a tag: the time of its latest invalidation, µs |
//!
//! An entry is named by the first 192 bits of its key's digest: 2^96 keys would have to be tried for two with the same name,
//! and the checksum of an entry has all 256. The digits are hexadecimal, which costs a hit a tenth of what base64 does.
//!
//! An entry and its lease are in one partition, by the digest of their key, and all variants of a page in that of the page;
//! a tag is in all of them.

use tower_keep_core::{Namespace, connection::Key};

use crate::{hex::hex, key::EntryKey, tag::TagId};

/// The keys of a namespace.
#[derive(Debug)]
pub(super) struct Names(Box<[PartitionNames]>);

/// The keys of one partition.
#[derive(Debug)]
pub(super) struct PartitionNames {
    prefix: String,
    record: Key,
}

/// Where an entry is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) partition: &'a PartitionNames,
    /// Of the entry's key.
    pub(super) digest: [u8; 32],
}

impl Names {
    /// # Panics
    ///
    /// Without a partition.
    pub(super) fn new(namespace: &Namespace, partitions: u16) -> Self {
        assert!(partitions > 0, "an entry must be somewhere");
        Self(
            (0..partitions)
                .map(|number| PartitionNames::new(namespace, number))
                .collect(),
        )
    }

    pub(super) fn place(&self, key: &EntryKey) -> Place<'_> {
        let digest = key.digest();
        let partition = match &*self.0 {
            [only] => only,
            several => {
                let page = key.page_digest().unwrap_or(digest);
                let number = u16::from_be_bytes([page[0], page[1]]);
                &several[usize::from(number) % several.len()]
            }
        };
        Place { partition, digest }
    }

    pub(super) fn partitions(&self) -> &[PartitionNames] {
        &self.0
    }
}

impl PartitionNames {
    fn new(namespace: &Namespace, number: u16) -> Self {
        Self {
            prefix: namespace.key(number, ""),
            record: namespace.key(number, "m").into(),
        }
    }

    pub(super) fn record(&self) -> Key {
        self.record.clone()
    }

    pub(super) fn tag(&self, tag: TagId) -> Key {
        self.key(b"t:", hex(&tag.0).as_flattened())
    }

    /// In a buffer of its own, exactly as long as needed: it is handed on as it is.
    fn key(&self, kind: &[u8; 2], name: &[u8]) -> Key {
        let mut key = Vec::with_capacity(self.prefix.len() + kind.len() + name.len());
        key.extend_from_slice(self.prefix.as_bytes());
        key.extend_from_slice(kind);
        key.extend_from_slice(name);
        key.into()
    }
}

impl Place<'_> {
    pub(super) fn entry(&self) -> Key {
        self.of_entry(b"e:")
    }

    pub(super) fn lease(&self) -> Key {
        self.of_entry(b"l:")
    }

    /// The name of the entry, or of what belongs to it.
    fn of_entry(&self, kind: &[u8; 2]) -> Key {
        let digits = hex(&self.digest);
        self.partition
            .key(kind, digits[..EntryKey::NAME].as_flattened())
    }

    /// The keys of one reading: the record, the entry, its tags.
    pub(super) fn reading(&self, tags: &[TagId]) -> Vec<Key> {
        let mut keys = Vec::with_capacity(2 + tags.len());
        keys.push(self.partition.record());
        keys.push(self.entry());
        keys.extend(tags.iter().map(|&tag| self.partition.tag(tag)));
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{policy::VariantId, tag::Tag};

    #[test]
    fn keys_are_a_hash_tag_and_a_digest() {
        let names = Names::new(&Namespace::new("shop").unwrap(), 1);
        let place = names.place(&EntryKey::from_parts(&[b"a"]));
        let text = |key: Key| String::from_utf8(key.as_bytes().to_vec()).unwrap();
        assert_eq!(text(place.partition.record()), "{shop:0}:m");
        assert_eq!(
            text(place.partition.tag(Tag::from("abc").id())),
            "{shop:0}:t:ba7816bf8f01cfea414140de5dae2223"
        );
        let entry = text(place.entry());
        assert!(
            entry.starts_with("{shop:0}:e:") && entry.len() == 11 + 48,
            "{entry}"
        );
        assert_eq!(entry.replace(":e:", ":l:"), text(place.lease()));
        let tags = ["abc", "product:7"].map(|tag| Tag::from(tag).id());
        let mut expected = vec![place.partition.record(), place.entry()];
        expected.extend(tags.map(|tag| place.partition.tag(tag)));
        assert_eq!(place.reading(&tags), expected);
    }

    #[test]
    fn variants_are_in_the_partition_of_their_page() {
        let names = Names::new(&Namespace::default(), 16);
        let page = EntryKey::from_parts(&[b"a"]);
        for id in 0..32 {
            let variant = page.variant(VariantId([id; VariantId::LENGTH]));
            let [variant, page] = [&variant, &page].map(|key| names.place(key));
            assert_eq!(variant.partition.record(), page.partition.record());
            assert_ne!(variant.entry(), page.entry());
        }
    }

    #[test]
    fn entries_spread_over_all_partitions() {
        let names = Names::new(&Namespace::default(), 16);
        let mut counts = [0; 16];
        for number in 0..1600_u32 {
            let place = names.place(&EntryKey::from_parts(&[&number.to_le_bytes()]));
            let record = place.partition.record();
            let index = names
                .partitions()
                .iter()
                .position(|names| names.record() == record);
            counts[index.unwrap()] += 1;
        }
        assert!(counts.iter().all(|&count| count > 50), "{counts:?}");
    }
}
