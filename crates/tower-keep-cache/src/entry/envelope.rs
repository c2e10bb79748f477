use std::{ops::Range, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::{content::Entry, fields, metadata::Metadata};
use crate::{policy::VariantId, store::Incarnation, tag::TagId};

/// Begins with what no UTF-8 begins with: the client library looks at every byte string whether it is text, and sees at
/// once that this is none.
const MAGIC: [u8; 2] = [0xff, b'K'];
const VERSION: u8 = 1;

const CHECKSUM: Range<usize> = 4..8;
const BODY_START: Range<usize> = 8..12;
const INCARNATION: Range<usize> = 12..28;
const STAMP: Range<usize> = 28..36;
const TAGS: usize = 36;

/// An entry's bytes, checked as far as is needed to judge whether the entry may be served.
#[derive(Debug)]
pub(crate) struct Envelope {
    bytes: Bytes,
    incarnation: Incarnation,
    stamp: u64,
    tags: Range<usize>,
    body: usize,
}

/// Why bytes are not an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Undecodable {
    /// Not ours, or too short to be.
    Foreign,
    /// Written by another version of this crate.
    Version,
    /// The checksum does not fit: damaged, or the entry of another key.
    Checksum,
    /// Cut short, or grown.
    Length,
    /// The checksum fits and the content does not: made by hand.
    Content,
}

impl Envelope {
    /// The most tags that one entry can have.
    pub(crate) const MAX_TAGS: usize = 255;

    /// The bytes of `entry` as a fill with this incarnation and token stores them, under the key with this digest.
    ///
    /// # Panics
    ///
    /// With more than [`MAX_TAGS`](Self::MAX_TAGS) tags.
    pub(crate) fn encode(
        entry: &Entry,
        tags: &[TagId],
        incarnation: &Incarnation,
        stamp: u64,
        key: &[u8; 32],
    ) -> Bytes {
        let trailers = entry.trailers.as_ref();
        let behind = entry.body.len() + trailers.map_or(0, fields::encoded_length);
        let mut out = head(entry, tags, incarnation, stamp, key, behind);
        out.extend_from_slice(&entry.body);
        if let Some(trailers) = trailers {
            fields::encode(trailers, &mut out);
        }
        Bytes::from(out)
    }

    /// As [`encode`](Self::encode), without body and trailers, for which the caller has others of the same length.
    ///
    /// # Panics
    ///
    /// With more than [`MAX_TAGS`](Self::MAX_TAGS) tags.
    pub(crate) fn encode_head(
        entry: &Entry,
        tags: &[TagId],
        incarnation: &Incarnation,
        stamp: u64,
        key: &[u8; 32],
    ) -> Bytes {
        head(entry, tags, incarnation, stamp, key, 0).into()
    }

    /// Reads the fixed part and the tags, and compares the checksum.
    ///
    /// # Errors
    ///
    /// If the bytes are not an entry of this version, whole and unchanged, or not the one of the key with this digest.
    pub(crate) fn open(bytes: Bytes, key: &[u8; 32]) -> Result<Self, Undecodable> {
        if bytes.len() < TAGS || bytes[..2] != MAGIC {
            return Err(Undecodable::Foreign);
        }
        if bytes[2] != VERSION {
            return Err(Undecodable::Version);
        }
        let tags = TAGS..TAGS + usize::from(bytes[3]) * TagId::LENGTH;
        let body = u32::from_le_bytes(array(&bytes, BODY_START)) as usize;
        if body < tags.end || body > bytes.len() {
            return Err(Undecodable::Length);
        }
        if checksum(&bytes, body, key) != u32::from_le_bytes(array(&bytes, CHECKSUM)) {
            return Err(Undecodable::Checksum);
        }
        Ok(Self {
            incarnation: Incarnation::from(array(&bytes, INCARNATION)),
            stamp: u64::from_le_bytes(array(&bytes, STAMP)),
            tags,
            body,
            bytes,
        })
    }

    pub(crate) const fn incarnation(&self) -> &Incarnation {
        &self.incarnation
    }

    pub(crate) const fn stamp(&self) -> u64 {
        self.stamp
    }

    /// The tags that the entry was stored with, in their order.
    pub(crate) fn tags(&self) -> impl ExactSizeIterator<Item = TagId> + '_ {
        self.bytes[self.tags.clone()]
            .chunks_exact(TagId::LENGTH)
            .map(|id| TagId(array(id, 0..TagId::LENGTH)))
    }

    /// Reads the rest. The body and the values of headers and trailers are slices of the bytes.
    ///
    /// # Errors
    ///
    /// If the length is not what the metadata says, or the content is none.
    pub(crate) fn into_entry(self) -> Result<Entry, Undecodable> {
        let head = self.tags.end..self.body;
        let metadata = Metadata::decode(&self.bytes[head.clone()]).ok_or(Undecodable::Content)?;
        let mut fields = head.start + Metadata::LENGTH..head.end;
        let variant = match metadata.is_variant {
            false => None,
            true => Some(self.variant(&mut fields).ok_or(Undecodable::Content)?),
        };
        let headers = fields::decode(&self.bytes.slice(fields), metadata.headers as usize)
            .ok_or(Undecodable::Content)?;
        let end = self
            .body
            .checked_add(metadata.body as usize)
            .filter(|&end| end <= self.bytes.len())
            .ok_or(Undecodable::Length)?;
        let trailers = self.trailers(end, metadata.trailers)?;
        Ok(Entry {
            kind: metadata.kind,
            status: StatusCode::from_u16(metadata.status).map_err(|_| Undecodable::Content)?,
            headers,
            body: self.bytes.slice(self.body..end),
            trailers,
            stored_at: metadata.stored_at,
            ttl: Duration::from_millis(metadata.ttl),
            stale: metadata.stale,
            took: Duration::from_millis(metadata.took.into()),
            variant,
        })
    }

    /// Takes the id of the variant from the start of `place`.
    fn variant(&self, place: &mut Range<usize>) -> Option<VariantId> {
        let id = self.bytes[place.clone()].first_chunk()?;
        place.start += VariantId::LENGTH;
        Some(VariantId(*id))
    }

    fn trailers(&self, at: usize, count: Option<u32>) -> Result<Option<HeaderMap>, Undecodable> {
        match count {
            None if at == self.bytes.len() => Ok(None),
            None => Err(Undecodable::Length),
            Some(count) => fields::decode(&self.bytes.slice(at..), count as usize)
                .map(Some)
                .ok_or(Undecodable::Length),
        }
    }
}

/// Everything before the body, with room for so many bytes more.
fn head(
    entry: &Entry,
    tags: &[TagId],
    incarnation: &Incarnation,
    stamp: u64,
    key: &[u8; 32],
    room: usize,
) -> Vec<u8> {
    let count = u8::try_from(tags.len()).expect("the caller keeps to MAX_TAGS");
    let trailers = entry.trailers.as_ref();
    let metadata = Metadata {
        kind: entry.kind,
        status: entry.status.as_u16(),
        stored_at: entry.stored_at,
        ttl: entry.ttl.as_millis() as u64,
        stale: entry.stale,
        took: u32::try_from(entry.took.as_millis()).unwrap_or(u32::MAX),
        is_variant: entry.variant.is_some(),
        headers: entry.headers.len() as u32,
        body: entry.body.len() as u32,
        trailers: trailers.map(|trailers| trailers.len() as u32),
    };
    let mut out = Vec::with_capacity(
        TAGS + tags.len() * TagId::LENGTH
            + Metadata::LENGTH
            + entry.variant.map_or(0, |id| id.0.len())
            + fields::encoded_length(&entry.headers)
            + room,
    );
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[VERSION, count]);
    out.extend_from_slice(&[0; CHECKSUM.end - CHECKSUM.start]);
    out.extend_from_slice(&[0; BODY_START.end - BODY_START.start]);
    out.extend_from_slice(incarnation.as_bytes());
    out.extend_from_slice(&stamp.to_le_bytes());
    for tag in tags {
        out.extend_from_slice(&tag.0);
    }
    metadata.encode(&mut out);
    out.extend(entry.variant.iter().flat_map(|id| id.0));
    fields::encode(&entry.headers, &mut out);
    let body = out.len();
    out[BODY_START].copy_from_slice(&(body as u32).to_le_bytes());
    let checksum = checksum(&out, body, key);
    out[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
    out
}

fn checksum(bytes: &[u8], body: usize, key: &[u8; 32]) -> u32 {
    let start = u32::from_le_bytes(array(bytes, 0..CHECKSUM.start));
    let mut hasher = crc32fast::Hasher::new_with_initial(start);
    hasher.update(&bytes[CHECKSUM.end..body]);
    hasher.update(key);
    hasher.finalize()
}

/// The bytes at `place`, which the caller knows to be there.
fn array<const N: usize>(bytes: &[u8], place: Range<usize>) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[place]);
    array
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
