//! A block of header fields: name and value of each, behind their lengths. Names that nearly every response has are
//! numbers, which spares a hit to parse them and Redis to keep them.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Entry, known};
use crate::length;

/// In place of a name's length, which is never zero: the number of a known name follows.
const KNOWN: u8 = 0;

/// Room for more fields is made when they come: lines of the same name need less, and no map has room for 2^15.
const MANY: usize = 1024;

/// Appends the fields to `out`.
pub(super) fn encode(fields: &HeaderMap, out: &mut Vec<u8>) {
    for (name, value) in fields {
        // A field name longer than 64 KiB cannot be made (`HeaderName` refuses it), and a value
        // that is longer than 4 GiB does not come over a connection.
        match known::number(name) {
            Some(number) => out.extend_from_slice(&[KNOWN, number]),
            None => {
                length::push(name.as_str().len(), out);
                out.extend_from_slice(name.as_str().as_bytes());
            }
        }
        length::push(value.len(), out);
        out.extend_from_slice(value.as_bytes());
    }
}

/// The number of bytes that [`encode`] appends.
pub(super) fn encoded_length(fields: &HeaderMap) -> usize {
    fields
        .iter()
        .map(|(name, value)| {
            let name = match known::number(name) {
                Some(_) => 2,
                None => length::bytes(name.as_str().len()) + name.as_str().len(),
            };
            name + length::bytes(value.len()) + value.len()
        })
        .sum()
}

/// Reads `count` fields that fill `block` exactly. The values are slices of `block`.
pub(super) fn decode(block: &Bytes, count: usize) -> Option<HeaderMap> {
    // The smallest field takes three bytes, so a wrong count cannot ask for much memory.
    if count > block.len() / 3 {
        return None;
    }
    let mut fields = HeaderMap::with_capacity(count.min(MANY) + Entry::ROOM);
    let mut at = 0;
    for _ in 0..count {
        let name = name(block, &mut at)?;
        let value = next(block, &mut at)?;
        let value = HeaderValue::from_maybe_shared(block.slice(value)).ok()?;
        fields.try_append(name, value).ok()?;
    }
    (at == block.len()).then_some(fields)
}

fn name(block: &[u8], at: &mut usize) -> Option<HeaderName> {
    if *block.get(*at)? == KNOWN {
        let number = *block.get(*at + 1)?;
        *at += 2;
        return known::name(number);
    }
    HeaderName::from_bytes(&block[next(block, at)?]).ok()
}

/// The place of the next string, and moves behind it.
fn next(block: &[u8], at: &mut usize) -> Option<std::ops::Range<usize>> {
    let mut length = 0_usize;
    for shift in [0, 7, 14, 21, 28] {
        let byte = *block.get(*at)?;
        *at += 1;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let end = at.checked_add(length).filter(|&end| end <= block.len())?;
            let place = *at..end;
            *at = end;
            return Some(place);
        }
    }
    None
}
