/// Two digits for each byte. Without a table and without branches, so that the compiler makes vector instructions of it.
pub(crate) fn hex<const N: usize>(bytes: &[u8; N]) -> [[u8; 2]; N] {
    bytes.map(|byte| [digit(byte >> 4), digit(byte & 15)])
}

fn digit(value: u8) -> u8 {
    let letter = if value > 9 { b'a' - b'0' - 10 } else { 0 };
    b'0' + value + letter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_two_digits_in_lower_case() {
        for byte in 0..=u8::MAX {
            let [digits] = hex(&[byte]);
            assert_eq!(digits, *format!("{byte:02x}").as_bytes());
        }
    }
}
