use super::Kind;

/// What an entry says about itself, behind the fixed part of its envelope: of fixed length too, since every hit reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) kind: Kind,
    pub(super) status: u16,
    /// ms since 1970.
    pub(super) stored_at: u64,
    /// ms.
    pub(super) ttl: u64,
    /// The number of header fields.
    pub(super) headers: u32,
    /// The length of the body.
    pub(super) body: u32,
    /// The number of trailer fields, where there are trailers.
    pub(super) trailers: Option<u32>,
}

const RESPONSE: u8 = 0;
const VALUE: u8 = 1;

/// In place of the number of trailer fields: a response without trailers.
const NO_TRAILERS: u32 = u32::MAX;

impl Metadata {
    pub(super) const LENGTH: usize = 36;

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let (kind, format, schema) = match self.kind {
            Kind::Response => (RESPONSE, 0, 0),
            Kind::Value { format, schema } => (VALUE, format, schema),
        };
        out.extend_from_slice(&[kind, format]);
        out.extend_from_slice(&self.status.to_le_bytes());
        out.extend_from_slice(&schema.to_le_bytes());
        out.extend_from_slice(&self.stored_at.to_le_bytes());
        out.extend_from_slice(&self.ttl.to_le_bytes());
        out.extend_from_slice(&self.headers.to_le_bytes());
        out.extend_from_slice(&self.body.to_le_bytes());
        out.extend_from_slice(&self.trailers.unwrap_or(NO_TRAILERS).to_le_bytes());
    }

    /// Reads it from the start of `bytes`; `None` if it is not there.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let [kind, format] = take(&mut rest)?;
        let status = u16::from_le_bytes(take(&mut rest)?);
        let schema = u32::from_le_bytes(take(&mut rest)?);
        let kind = match kind {
            RESPONSE => Kind::Response,
            VALUE => Kind::Value { format, schema },
            _ => return None,
        };
        Some(Self {
            kind,
            status,
            stored_at: u64::from_le_bytes(take(&mut rest)?),
            ttl: u64::from_le_bytes(take(&mut rest)?),
            headers: u32::from_le_bytes(take(&mut rest)?),
            body: u32::from_le_bytes(take(&mut rest)?),
            trailers: Some(u32::from_le_bytes(take(&mut rest)?)).filter(|&n| n != NO_TRAILERS),
        })
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
    fn it_has_the_length_that_it_says_and_comes_back_as_it_was() {
        let response = Metadata {
            kind: Kind::Response,
            status: 404,
            stored_at: 1_795_000_000_123,
            ttl: u64::MAX,
            headers: 7,
            body: 100_000,
            trailers: None,
        };
        let value = Metadata {
            kind: Kind::Value {
                format: 3,
                schema: 70_000,
            },
            trailers: Some(0),
            ..response
        };
        for metadata in [response, value] {
            let mut bytes = Vec::new();
            metadata.encode(&mut bytes);
            assert_eq!(bytes.len(), Metadata::LENGTH);
            assert_eq!(Metadata::decode(&bytes), Some(metadata));
            assert_eq!(Metadata::decode(&bytes[1..]), None);
        }
    }
}
