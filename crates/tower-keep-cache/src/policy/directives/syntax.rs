use std::time::Duration;

/// The longest time that a directive can mean (RFC 9111 section 1.2.2: a greater number is 2^31).
pub(crate) const LONGEST: Duration = Duration::from_secs(LONGEST_SECONDS);
const LONGEST_SECONDS: u64 = 1 << 31;

/// RFC 9111 section 1.2.2: digits only; too great a number is the greatest.
pub(crate) fn delta_seconds(value: &[u8]) -> Option<Duration> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = value.iter().fold(0_u64, |sum, digit| {
        (sum * 10 + u64::from(digit - b'0')).min(LONGEST_SECONDS)
    });
    Some(Duration::from_secs(seconds))
}

/// One directive after the other of a `Cache-Control` line.
///
/// Whatever is no part of a name may separate (`private; max-age=60`, `'private'`): a restriction that is written wrongly
/// is still one.
pub(super) struct Directives<'a> {
    rest: &'a [u8],
}

pub(super) enum Step<'a> {
    Directive(&'a [u8], Value<'a>),
    End,
    /// A quote that does not match: what stands behind it cannot be told apart from it.
    Malformed,
}

/// What stands behind the `=`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    None,
    Token(&'a [u8]),
    /// Between the quotes.
    Quoted(&'a [u8]),
}

impl<'a> Value<'a> {
    /// Quoted or not, which recipients should not care for (RFC 9111 section 5.2).
    pub(super) fn text(self) -> &'a [u8] {
        match self {
            Self::None => b"",
            Self::Token(text) | Self::Quoted(text) => text,
        }
    }
}

impl<'a> Directives<'a> {
    pub(super) fn of(line: &'a [u8]) -> Self {
        Self { rest: line }
    }

    pub(super) fn next(&mut self) -> Step<'a> {
        self.skip(|byte| byte != b'"' && (byte == b'=' || is_separator(byte)));
        if self.rest.is_empty() {
            return Step::End;
        }
        let name = self.take(|byte| byte == b'=' || is_separator(byte));
        match self.rest.first() {
            Some(b'"') => return Step::Malformed,
            Some(b'=') => self.rest = &self.rest[1..],
            _ => return Step::Directive(name, Value::None),
        }
        if let Some(b'"') = self.rest.first() {
            return match closing_quote(&self.rest[1..]) {
                Some(end) => {
                    let value = &self.rest[1..=end];
                    self.rest = &self.rest[end + 2..];
                    Step::Directive(name, Value::Quoted(value))
                }
                None => Step::Malformed,
            };
        }
        let value = self.take(|byte| byte == b'=' || is_separator(byte));
        if let Some(b'"') = self.rest.first() {
            return Step::Malformed;
        }
        Step::Directive(name, Value::Token(value))
    }

    fn skip(&mut self, skipped: impl Fn(u8) -> bool) {
        let count = self.rest.iter().take_while(|byte| skipped(**byte)).count();
        self.rest = &self.rest[count..];
    }

    fn take(&mut self, ends: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self
            .rest
            .iter()
            .position(|byte| ends(*byte))
            .unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}

/// Commas part directives; semicolons, blanks and colons are what people write instead. No name that means anything
/// here has a character beyond these (RFC 9110 section 5.6.2 allows some).
fn is_separator(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'='))
}

/// The index in `quoted` (which begins after the opening quote) of the quote that ends it.
fn closing_quote(quoted: &[u8]) -> Option<usize> {
    let mut escaped = false;
    quoted.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })
}
