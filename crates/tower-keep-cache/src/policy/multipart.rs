use bytes::Bytes;
use http::HeaderValue;

use super::{number, range::Span};

/// A text that separates the parts of a body and stands nowhere in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Boundary([u8; 32]);

impl Boundary {
    /// Made from `seed`, which should be random: else somebody who has a say in the content could put it there, and let
    /// a part end where it does not. By chance it is there once in 2^128 times, and then the next one is taken.
    pub(crate) fn new(mut seed: u128, body: &[u8]) -> Self {
        loop {
            let boundary = Self::written(seed);
            if !occurs(&boundary.0, body) {
                return boundary;
            }
            seed = seed.wrapping_add(1);
        }
    }

    fn written(seed: u128) -> Self {
        let mut text = [0; 32];
        for (place, digit) in text.iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(seed >> (124 - 4 * place)) as usize & 0xf];
        }
        Self(text)
    }

    /// The type of a body with this boundary (RFC 9110 section 14.6).
    pub(crate) fn content_type(&self) -> HeaderValue {
        let text = [b"multipart/byteranges; boundary=".as_slice(), &self.0].concat();
        HeaderValue::from_maybe_shared(Bytes::from(text)).expect("visible ASCII")
    }
}

fn occurs(text: &[u8], body: &[u8]) -> bool {
    body.windows(text.len()).any(|window| window == text)
}

/// The parts of `body`, each with its own head (RFC 9110 section 15.3.7.2).
pub(crate) fn byteranges(
    body: &Bytes,
    spans: &[Span],
    content_type: Option<&HeaderValue>,
    boundary: &Boundary,
) -> Bytes {
    /// More than the head of a part takes beside its type: two lines, the boundary and three numbers.
    const HEAD: usize = 160;
    let kind = content_type.map_or(&b""[..], HeaderValue::as_bytes);
    let content: u64 = spans.iter().map(|span| span.end - span.start).sum();
    let mut out = Vec::with_capacity(content as usize + (spans.len() + 1) * (HEAD + kind.len()));
    for span in spans {
        out.extend_from_slice(b"--");
        out.extend_from_slice(&boundary.0);
        if !kind.is_empty() {
            out.extend_from_slice(b"\r\nContent-Type: ");
            out.extend_from_slice(kind);
        }
        out.extend_from_slice(b"\r\nContent-Range: ");
        out.extend_from_slice(content_range(span, body.len() as u64).as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(&body[span.start as usize..span.end as usize]);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"--");
    out.extend_from_slice(&boundary.0);
    out.extend_from_slice(b"--\r\n");
    Bytes::from(out)
}

/// `Content-Range` of a part (RFC 9110 section 14.4).
pub(crate) fn content_range(span: &Span, length: u64) -> HeaderValue {
    let text = format!("bytes {}-{}/{length}", span.start, span.end - 1);
    HeaderValue::from_maybe_shared(Bytes::from(text)).expect("visible ASCII")
}

/// `Content-Range` of an answer that says only how much there is.
pub(crate) fn unsatisfied_range(length: u64) -> HeaderValue {
    number::behind(b"bytes */", length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_own_head() {
        let body = Bytes::from_static(b"0123456789");
        let boundary = Boundary::new(0xabc, &body);
        let kind = HeaderValue::from_static("text/plain");
        let text = byteranges(&body, &[0..2, 9..10], Some(&kind), &boundary);
        let line = "--00000000000000000000000000000abc";
        let expected = format!(
            "{line}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n\
             {line}\r\nContent-Type: text/plain\r\nContent-Range: bytes 9-9/10\r\n\r\n9\r\n\
             {line}--\r\n"
        );
        assert_eq!(text, expected);
        assert_eq!(
            boundary.content_type(),
            "multipart/byteranges; boundary=00000000000000000000000000000abc"
        );
    }

    #[test]
    fn a_boundary_does_not_stand_in_the_body() {
        let mut body = b"x--".to_vec();
        body.extend_from_slice(&Boundary::written(u128::MAX).0);
        assert_eq!(Boundary::new(u128::MAX, &body), Boundary::written(0));
    }
}
