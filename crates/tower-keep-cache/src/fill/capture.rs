use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

/// Keeps a body while it passes, up to a limit.
#[derive(Debug)]
pub(crate) struct Capture {
    chunks: Vec<Bytes>,
    declared: Declared,
    length: usize,
    limit: usize,
}

/// A whole body.
#[derive(Debug, PartialEq)]
pub(crate) struct Captured {
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
}

/// The body is larger than what is kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outgrown;

/// The body ended with a length other than its head had said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Incomplete;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Declared {
    Nothing,
    Length(u64),
    /// No number, or several that differ.
    Nonsense,
}

impl Capture {
    /// For the body that stands under `headers` and has at least `lower` bytes.
    pub(crate) fn new(headers: &HeaderMap, lower: u64, limit: usize) -> Result<Self, Outgrown> {
        let declared = declared(headers);
        let expected = match declared {
            Declared::Length(length) => length.max(lower),
            Declared::Nothing | Declared::Nonsense => lower,
        };
        if expected > limit as u64 {
            return Err(Outgrown);
        }
        Ok(Self {
            chunks: Vec::new(),
            declared,
            length: 0,
            limit,
        })
    }

    pub(crate) fn push(&mut self, chunk: &Bytes) -> Result<(), Outgrown> {
        self.length = self.length.saturating_add(chunk.len());
        if self.length > self.limit {
            return Err(Outgrown);
        }
        // A body of nothing but empty chunks must not take memory for as long as it likes.
        if !chunk.is_empty() {
            self.chunks.push(chunk.clone());
        }
        Ok(())
    }

    /// The body has ended cleanly (RFC 9111 section 3.3: nothing incomplete is stored).
    pub(crate) fn finish(self, trailers: Option<HeaderMap>) -> Result<Captured, Incomplete> {
        match self.declared {
            Declared::Length(length) if length != self.length as u64 => return Err(Incomplete),
            Declared::Nonsense => return Err(Incomplete),
            Declared::Length(_) | Declared::Nothing => {}
        }
        // Copied also where there is one chunk: it may be a small slice that would keep a large buffer alive.
        let mut body = BytesMut::with_capacity(self.length);
        for chunk in &self.chunks {
            body.extend_from_slice(chunk);
        }
        Ok(Captured {
            body: body.freeze(),
            trailers,
        })
    }
}

fn declared(headers: &HeaderMap) -> Declared {
    // RFC 9112 section 6.3: beside a transfer coding, Content-Length says nothing.
    if headers.contains_key(TRANSFER_ENCODING) {
        return Declared::Nothing;
    }
    let mut declared = Declared::Nothing;
    for value in headers.get_all(CONTENT_LENGTH) {
        let length = value
            .to_str()
            .ok()
            .and_then(|text| text.parse().ok())
            .map(Declared::Length);
        declared = match (declared, length) {
            (Declared::Nothing, Some(length)) => length,
            (known, Some(length)) if known == length => known,
            _ => return Declared::Nonsense,
        };
    }
    declared
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn capture(lengths: &[&'static str], limit: usize) -> Result<Capture, Outgrown> {
        let mut headers = HeaderMap::new();
        for length in lengths {
            headers.append(CONTENT_LENGTH, HeaderValue::from_static(length));
        }
        Capture::new(&headers, 0, limit)
    }

    fn chunk(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn chunks_become_one_body() {
        let mut capture = capture(&["5"], 5).unwrap();
        capture.push(&chunk("he")).unwrap();
        capture.push(&chunk("llo")).unwrap();
        assert_eq!(
            capture.finish(None),
            Ok(Captured {
                body: chunk("hello"),
                trailers: None
            })
        );
    }

    #[test]
    fn empty_chunks_take_no_room() {
        let mut capture = capture(&[], 5).unwrap();
        for text in ["", "he", "", "", "llo", ""] {
            capture.push(&chunk(text)).unwrap();
        }
        assert_eq!(capture.chunks.len(), 2);
        assert_eq!(capture.finish(None).unwrap().body, "hello");
    }

    #[test]
    fn a_body_over_the_limit_is_given_up_as_soon_as_that_is_known() {
        assert!(capture(&["6"], 5).is_err());
        assert!(Capture::new(&HeaderMap::new(), 6, 5).is_err());
        let mut capture = capture(&[], 5).unwrap();
        capture.push(&chunk("hello")).unwrap();
        assert_eq!(capture.push(&chunk("!")), Err(Outgrown));
    }

    #[test]
    fn a_length_other_than_declared_is_incomplete() {
        for lengths in [&["6"][..], &["4"], &["five"], &["5", "6"], &["-5"]] {
            let mut capture = capture(lengths, 10).unwrap();
            capture.push(&chunk("hello")).unwrap();
            assert_eq!(capture.finish(None), Err(Incomplete), "{lengths:?}");
        }
        let mut capture = capture(&["5", "5"], 10).unwrap();
        capture.push(&chunk("hello")).unwrap();
        assert!(capture.finish(None).is_ok());
    }
}
