//! R1: the one record of a partition.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// What a partition knows about itself, in one value, so that its parts share one fate: whoever loses
/// the clock loses the incarnation with it, and with that every entry and lease that the clock vouched
/// for.
///
/// Times are in µs, by the store's own clock, and below 2^53, so that Lua counts them exactly.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Record {
    pub(super) incarnation: Incarnation,
    /// Entries with a stamp up to this one are flushed.
    pub(super) epoch: u64,
    /// The latest number given out. The next one is larger, whatever the time says.
    pub(super) clock: u64,
    /// The latest invalidation of all: what a tag that is made anew may have missed.
    pub(super) floor: u64,
}

impl Record {
    pub(super) const fn new(incarnation: Incarnation) -> Self {
        Self {
            incarnation,
            epoch: 0,
            clock: 0,
            floor: 0,
        }
    }

    /// Reads `incarnation epoch clock floor`, as the scripts write it.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let (incarnation, epoch, rest) = Self::start(text)?;
        let (clock, rest) = leading_number(rest.strip_prefix(b" ")?)?;
        let (floor, rest) = leading_number(rest.strip_prefix(b" ")?)?;
        rest.is_empty().then_some(Self {
            incarnation,
            epoch,
            clock,
            floor,
        })
    }

    /// The incarnation and the epoch: all that every hit has to know of a record. And what stands behind them.
    pub(super) fn start(text: &[u8]) -> Option<(Incarnation, u64, &[u8])> {
        let (&incarnation, rest) = text.split_first_chunk()?;
        let (epoch, rest) = leading_number(rest.strip_prefix(b" ")?)?;
        Some((Incarnation(incarnation), epoch, rest))
    }

    /// R2: the next number, later than every one before and no earlier than the time.
    pub(super) fn next(&self, now: u64) -> u64 {
        now.max(self.clock + 1)
    }
}

/// The decimal number that fills `text`.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    leading_number(text).and_then(|(number, rest)| rest.is_empty().then_some(number))
}

/// The decimal number that `text` begins with, and what stands behind it.
fn leading_number(text: &[u8]) -> Option<(u64, &[u8])> {
    /// So many digits always fit; the scripts never write more than 16.
    const DIGITS: usize = 19;
    let mut number = 0;
    let mut length = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        if length == DIGITS {
            return None;
        }
        number = number * 10 + u64::from(digit);
        length += 1;
    }
    (length > 0).then(|| (number, &text[length..]))
}

/// Which life of a partition's record this is. Random, so that no two are alike; printable, because it
/// is the start of a nonce in print.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) struct Incarnation([u8; 16]);

impl Incarnation {
    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl From<[u8; 16]> for Incarnation {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incarnation({})", self.0.escape_ascii())
    }
}

/// 128 random bits, in base64url.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) struct Nonce([u8; Self::LENGTH]);

impl Nonce {
    const LENGTH: usize = 22;

    pub(super) fn new(bits: u128) -> Self {
        let mut text = [0; Self::LENGTH];
        URL_SAFE_NO_PAD
            .encode_slice(bits.to_be_bytes(), &mut text)
            .expect("16 bytes are 22 characters");
        Self(text)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        text.as_bytes().try_into().ok().map(Self)
    }

    pub(super) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The incarnation that a record gets if this nonce's script has to make it: the first 96 bits.
    pub(super) fn incarnation(&self) -> Incarnation {
        let mut start = [0; 16];
        start.copy_from_slice(&self.0[..16]);
        Incarnation(start)
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({})", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_the_scripts_write_it() {
        let text = b"AAECAwQFBgcICQoL 5 9007199254740991 0";
        let record = Record::parse(text).unwrap();
        assert_eq!(record.incarnation.as_bytes(), b"AAECAwQFBgcICQoL");
        assert_eq!(
            (record.epoch, record.clock, record.floor),
            (5, (1 << 53) - 1, 0)
        );
    }

    #[test]
    fn what_is_no_record_is_none() {
        for text in [
            "",
            "short 1 2 3",
            "AAECAwQFBgcICQoL 1 2",
            "AAECAwQFBgcICQoL 1 2 3 4",
            "AAECAwQFBgcICQoL 1 2 -3",
            "AAECAwQFBgcICQoL 1.5 2 3",
            "AAECAwQFBgcICQoL 1 2 ",
            "AAECAwQFBgcICQoL 1 2 99999999999999999999",
            "AAECAwQFBgcICQoLM 1 2 3",
        ] {
            assert_eq!(Record::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_next_number_is_later_than_the_last_whatever_the_time_says() {
        let record = Record {
            clock: 10,
            ..Record::new(Nonce::new(0).incarnation())
        };
        assert_eq!(
            (record.next(9), record.next(10), record.next(20)),
            (11, 11, 20)
        );
    }
}
