//! What the keys in Redis are called.
//!
//! | key | holds |
//! |---|---|
//! | `{namespace:partition}:m` | the partition's record |
//! | `{namespace:partition}:e:<43 characters>` | an entry |
//! | `{namespace:partition}:l:<43 characters>` | the lease of an entry's fill |
//! | `{namespace:partition}:t:<22 characters>` | a tag: the time of its latest invalidation, µs |
//!
//! An entry and its lease are in one partition, by the digest of their key, and all variants of a page in that of the page;
//! a tag is in all of them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use tower_keep_core::{Namespace, connection::Key};

use crate::{key::EntryKey, tag::TagId};

/// The length of an entry's digest in print, and of a tag's.
const ENTRY: usize = 43;
const TAG: usize = 22;

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
        let mut name = Vec::with_capacity(self.length(TAG));
        self.write(b"t:", &tag.0, TAG, &mut name);
        name.into()
    }

    /// The name of an entry, or of what belongs to one.
    fn of_entry(&self, kind: &[u8; 2], digest: &[u8; 32]) -> Key {
        let mut name = Vec::with_capacity(self.length(ENTRY));
        self.write(kind, digest, ENTRY, &mut name);
        name.into()
    }

    fn write(&self, kind: &[u8; 2], digest: &[u8], printed: usize, names: &mut Vec<u8>) {
        names.extend_from_slice(self.prefix.as_bytes());
        names.extend_from_slice(kind);
        let start = names.len();
        names.resize(start + printed, 0);
        let length = URL_SAFE_NO_PAD.encode_slice(digest, &mut names[start..]);
        debug_assert_eq!(length, Ok(printed));
    }

    /// The length of a name that ends in a digest of this length in print.
    fn length(&self, printed: usize) -> usize {
        self.prefix.len() + "k:".len() + printed
    }
}

impl Place<'_> {
    pub(super) fn entry(&self) -> Key {
        self.partition.of_entry(b"e:", &self.digest)
    }

    pub(super) fn lease(&self) -> Key {
        self.partition.of_entry(b"l:", &self.digest)
    }

    /// The keys of one reading: the record, the entry, its tags. However many, their names are slices of one buffer.
    pub(super) fn reading(&self, tags: &[TagId]) -> Vec<Key> {
        let (entry, tag) = (self.partition.length(ENTRY), self.partition.length(TAG));
        let mut names = Vec::with_capacity(entry + tags.len() * tag);
        self.partition.write(b"e:", &self.digest, ENTRY, &mut names);
        for id in tags {
            self.partition.write(b"t:", &id.0, TAG, &mut names);
        }
        let names = Bytes::from(names);
        let mut keys = Vec::with_capacity(2 + tags.len());
        keys.push(self.partition.record());
        keys.push(names.slice(..entry).into());
        let starts = (entry..names.len()).step_by(tag);
        keys.extend(starts.map(|start| Key::from(names.slice(start..start + tag))));
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
            "{shop:0}:t:ungWv48Bz-pBQUDeXa4iIw"
        );
        let entry = text(place.entry());
        assert!(
            entry.starts_with("{shop:0}:e:") && entry.len() == 11 + 43,
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
