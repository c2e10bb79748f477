use bytes::Bytes;
use http::HeaderValue;

/// A header value that is a number.
pub(crate) fn value(number: u64) -> HeaderValue {
    behind(b"", number)
}

/// A header value of `text`, which is visible ASCII, and `number`, in exactly one allocation: every hit makes two.
pub(crate) fn behind(text: &[u8], number: u64) -> HeaderValue {
    let mut digits = [0; 20];
    let digits = decimal(number, &mut digits);
    // As long as needed to the byte: `Bytes` then takes the buffer over as it is.
    let mut value = Vec::with_capacity(text.len() + digits.len());
    value.extend_from_slice(text);
    value.extend_from_slice(digits);
    HeaderValue::from_maybe_shared(Bytes::from(value))
        .expect("visible ASCII and digits are a header value")
}

fn decimal(mut number: u64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut start = buffer.len();
    loop {
        start -= 1;
        buffer[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &buffer[start..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_decimal() {
        for number in [0, 7, 10, 60, 86_400, u64::MAX] {
            assert_eq!(value(number), number.to_string());
        }
        assert_eq!(behind(b"a; ttl=", 5), "a; ttl=5");
    }
}
