use bytes::Bytes;
use http::HeaderValue;

/// So many numbers need no allocation.
const SMALL: usize = 1000;

/// All of them, with three digits each.
static DIGITS: [u8; 3 * SMALL] = digits();

/// A header value that is a number. A small one, as the age of what is asked for often, is a part of a constant.
pub(crate) fn value(number: u64) -> HeaderValue {
    small(number).map_or_else(|| behind(b"", number), HeaderValue::from_static)
}

fn small(number: u64) -> Option<&'static str> {
    let zeros = match number {
        0..10 => 2,
        10..100 => 1,
        100..1000 => 0,
        _ => return None,
    };
    let start = 3 * number as usize;
    std::str::from_utf8(&DIGITS[start + zeros..start + 3]).ok()
}

const fn digits() -> [u8; 3 * SMALL] {
    let mut digits = [0; 3 * SMALL];
    let mut number = 0;
    while number < SMALL {
        digits[3 * number] = b'0' + (number / 100) as u8;
        digits[3 * number + 1] = b'0' + (number / 10 % 10) as u8;
        digits[3 * number + 2] = b'0' + (number % 10) as u8;
        number += 1;
    }
    digits
}

/// A header value of `text`, which is visible ASCII, and `number`, in exactly one allocation: every hit makes one.
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
        for number in (0..=1001).chain([86_400, u64::MAX]) {
            assert_eq!(value(number), number.to_string());
        }
        assert_eq!(behind(b"a; ttl=", 5), "a; ttl=5");
    }
}
