//! Entries: what the cache keeps, and the bytes that hold it in Redis.
//!
//! # Layout
//!
//! Numbers are little-endian, lengths are in bytes.
//!
//! | at | length | what |
//! |---|---|---|
//! | 0 | 2 | magic, `TK` |
//! | 2 | 1 | format version |
//! | 3 | 1 | number of tags |
//! | 4 | 4 | CRC-32 of everything from 8 to the body and the digest of the key, begun with the bytes 0 to 4 |
//! | 8 | 4 | where the body starts |
//! | 12 | 16 | incarnation of the partition that the entry was stored in |
//! | 28 | 8 | stamp: the token of the fill that stored it, µs |
//! | 36 | 16 each | ids of the tags |
//! | | 44 | metadata: kind, status, when and for how long, what may be done with it then, how much of what comes behind it |
//! | | 16 | if it is a variant, the digest of the request headers that it varies on |
//! | | | header block: for each field its name and its value, each behind its length; of names that are known to all, the number |
//! | | | body, as it is |
//! | | | trailers, like the header block |
//!
//! Body and trailers are outside of the checksum: a hit takes the body out of Redis's answer as a
//! slice and never walks it, so that a hit on 100 KiB costs what a hit on 1 KiB costs. TCP has
//! checked those bytes already. The checksum is there for what decides whether and how an entry is
//! served, and against another program's value under our key. It also says whose the entry is: a reply
//! that a client hands to the wrong request is a miss, and no other visitor's page.
//!
//! Whatever cannot be read is a miss: the value of another version, of a truncated write or of
//! chance. No sequence of bytes makes decoding panic.

mod content;
mod envelope;
mod fields;
mod known;
mod metadata;

pub(crate) use self::{
    content::{Entry, Kind},
    envelope::{Envelope, Undecodable},
};
