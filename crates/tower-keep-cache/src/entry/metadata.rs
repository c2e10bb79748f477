use std::time::Duration;

use super::Kind;
use crate::policy::{LONGEST, Staleness};

/// What an entry says about itself, behind the fixed part of its envelope: of fixed length too, since every hit reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) kind: Kind,
    pub(super) status: u16,
    /// ms since 1970.
    pub(super) stored_at: u64,
    /// ms.
    pub(super) ttl: u64,
    /// Of a response; values have none.
    pub(super) stale: Staleness,
    /// How long the response took to make, ms.
    pub(super) took: u32,
    /// The id of the variant follows.
    pub(super) is_variant: bool,
    /// The number of header fields.
    pub(super) headers: u32,
    /// The length of the body.
    pub(super) body: u32,
    /// The number of trailer fields, where there are trailers.
    pub(super) trailers: Option<u32>,
}

const RESPONSE: u8 = 0;
const VALUE: u8 = 1;
const VARIANTS: u8 = 2;

/// What a response says in the byte that a value has for its format.
const FORBIDDEN: u8 = 1;
const VALIDATE: u8 = 2;
const VARIANT: u8 = 4;

/// In place of the ms of a window.
const NO_END: u32 = u32::MAX;

/// In place of the number of trailer fields: a response without trailers.
const NO_TRAILERS: u32 = u32::MAX;

impl Metadata {
    pub(super) const LENGTH: usize = 44;

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let (kind, format, schema) = match self.kind {
            Kind::Response => (RESPONSE, self.flags(), self.took),
            Kind::Value { format, schema } => (VALUE, format, schema),
            Kind::Variants => (VARIANTS, self.flags(), self.took),
        };
        out.extend_from_slice(&[kind, format]);
        out.extend_from_slice(&self.status.to_le_bytes());
        out.extend_from_slice(&schema.to_le_bytes());
        out.extend_from_slice(&self.stored_at.to_le_bytes());
        out.extend_from_slice(&self.ttl.to_le_bytes());
        for window in [self.stale.while_revalidate, self.stale.if_error] {
            out.extend_from_slice(&window_in_ms(window).to_le_bytes());
        }
        out.extend_from_slice(&self.headers.to_le_bytes());
        out.extend_from_slice(&self.body.to_le_bytes());
        out.extend_from_slice(&self.trailers.unwrap_or(NO_TRAILERS).to_le_bytes());
    }

    fn flags(&self) -> u8 {
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        flag(self.stale.forbidden, FORBIDDEN)
            | flag(self.stale.validate, VALIDATE)
            | flag(self.is_variant, VARIANT)
    }

    /// Reads it from the start of `bytes`; `None` if it is not there.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let [kind, format] = take(&mut rest)?;
        let status = u16::from_le_bytes(take(&mut rest)?);
        let schema = u32::from_le_bytes(take(&mut rest)?);
        let (kind, flags, took) = match kind {
            RESPONSE => (Kind::Response, format, schema),
            VALUE => (Kind::Value { format, schema }, 0, 0),
            VARIANTS => (Kind::Variants, format, schema),
            _ => return None,
        };
        let stored_at = u64::from_le_bytes(take(&mut rest)?);
        let ttl = u64::from_le_bytes(take(&mut rest)?);
        let stale = Staleness {
            while_revalidate: window_from_ms(u32::from_le_bytes(take(&mut rest)?)),
            if_error: window_from_ms(u32::from_le_bytes(take(&mut rest)?)),
            forbidden: flags & FORBIDDEN != 0,
            validate: flags & VALIDATE != 0,
        };
        Some(Self {
            kind,
            status,
            stored_at,
            ttl,
            stale,
            took,
            is_variant: flags & VARIANT != 0,
            headers: u32::from_le_bytes(take(&mut rest)?),
            body: u32::from_le_bytes(take(&mut rest)?),
            trailers: Some(u32::from_le_bytes(take(&mut rest)?)).filter(|&n| n != NO_TRAILERS),
        })
    }
}

/// A window is as long as it likes, or at most the 49 days that are less than that.
fn window_in_ms(window: Duration) -> u32 {
    match window < LONGEST {
        true => u32::try_from(window.as_millis())
            .unwrap_or(NO_END - 1)
            .min(NO_END - 1),
        false => NO_END,
    }
}

fn window_from_ms(ms: u32) -> Duration {
    match ms {
        NO_END => LONGEST,
        ms => Duration::from_millis(ms.into()),
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (&bytes, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_never_grows() {
        for days in [0, 1, 49, 50, 365, 10_000] {
            let window = Duration::from_secs(days * 86_400);
            let kept = window_from_ms(window_in_ms(window));
            assert!(kept == window || days > 49 && kept < window, "{days} days");
        }
        assert_eq!(window_from_ms(window_in_ms(LONGEST)), LONGEST);
    }

    #[test]
    fn it_has_the_length_that_it_says_and_comes_back_as_it_was() {
        let response = Metadata {
            kind: Kind::Response,
            status: 404,
            stored_at: 1_795_000_000_123,
            ttl: u64::MAX,
            stale: Staleness {
                while_revalidate: Duration::from_millis(1),
                if_error: Duration::from_secs(1 << 31),
                forbidden: true,
                validate: false,
            },
            took: 70_000,
            is_variant: true,
            headers: 7,
            body: 100_000,
            trailers: None,
        };
        let value = Metadata {
            kind: Kind::Value {
                format: 3,
                schema: 70_000,
            },
            stale: Staleness::default(),
            took: 0,
            is_variant: false,
            trailers: Some(0),
            ..response
        };
        let variants = Metadata {
            kind: Kind::Variants,
            stale: Staleness {
                validate: true,
                ..Staleness::default()
            },
            is_variant: false,
            ..response
        };
        for metadata in [response, value, variants] {
            let mut bytes = Vec::new();
            metadata.encode(&mut bytes);
            assert_eq!(bytes.len(), Metadata::LENGTH);
            assert_eq!(Metadata::decode(&bytes), Some(metadata));
            assert_eq!(Metadata::decode(&bytes[1..]), None);
        }
    }
}
