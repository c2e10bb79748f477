//! Lengths in front of what they are the lengths of: seven bits at a time, lowest first, which is one byte for nearly
//! everything.

/// Appends `length`.
pub(crate) fn push(mut length: usize, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

/// The number of bytes that [`push`] appends.
pub(crate) fn bytes(length: usize) -> usize {
    (1..).find(|bytes| length >> (7 * bytes) == 0).unwrap_or(1)
}
