use bytes::Bytes;
use http::HeaderValue;

/// A header value of `texts` and, behind them, `number`, in exactly one allocation: every hit makes two of these.
///
/// The texts are visible ASCII, which is checked where they are made.
pub(crate) fn header_value(texts: &[&[u8]], number: Option<u64>) -> HeaderValue {
    let mut digits = [0; 20];
    let digits = number.map_or(&[][..], |number| decimal(number, &mut digits));
    let length = texts.iter().map(|text| text.len()).sum::<usize>() + digits.len();
    // As long as needed to the byte: `Bytes` then takes the buffer over as it is.
    let mut value = Vec::with_capacity(length);
    for text in texts {
        value.extend_from_slice(text);
    }
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
            assert_eq!(header_value(&[], Some(number)), number.to_string());
        }
        assert_eq!(header_value(&[b"a; ", b"ttl="], Some(5)), "a; ttl=5");
        assert_eq!(header_value(&[b"a"], None), "a");
    }
}
