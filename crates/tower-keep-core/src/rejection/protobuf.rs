//! `google.rpc.Status` with its details, written by hand: four small messages do not need a code generator.
//!
//! The messages are those of
//! [`google/rpc/status.proto`](https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto),
//! [`google/rpc/error_details.proto`](https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto)
//! and the well-known types `Any` and `Duration`; the bytes are the
//! [protobuf encoding](https://protobuf.dev/programming-guides/encoding/).

use std::time::Duration;

use super::QuotaViolation;

/// The longest `google.protobuf.Duration`, about 10 000 years.
const MAX_SECONDS: u64 = 315_576_000_000;

/// `Status { code = 1, message = 2, details = 3 }`, with a `RetryInfo` and a `QuotaFailure` where there is something to say.
pub(super) fn status(
    code: u8,
    message: &str,
    retry_after: Option<Duration>,
    violations: &[QuotaViolation],
) -> Vec<u8> {
    let mut status = Vec::with_capacity(128);
    put_varint_field(&mut status, 1, code.into());
    put_bytes_field(&mut status, 2, message.as_bytes());
    if let Some(wait) = retry_after {
        put_any(&mut status, 3, "google.rpc.RetryInfo", &retry_info(wait));
    }
    if !violations.is_empty() {
        put_any(
            &mut status,
            3,
            "google.rpc.QuotaFailure",
            &quota_failure(violations),
        );
    }
    status
}

/// `RetryInfo { retry_delay = 1 }`, `Duration { seconds = 1, nanos = 2 }`.
fn retry_info(wait: Duration) -> Vec<u8> {
    let mut duration = Vec::new();
    put_varint_field(&mut duration, 1, wait.as_secs().min(MAX_SECONDS));
    put_varint_field(&mut duration, 2, wait.subsec_nanos().into());
    let mut info = Vec::new();
    // Also when it is empty: a message that is absent and one of all defaults differ.
    put_message_field(&mut info, 1, &duration);
    info
}

/// `QuotaFailure { violations = 1 }`, `Violation { subject = 1, description = 2, quota_id = 5 }`.
fn quota_failure(violations: &[QuotaViolation]) -> Vec<u8> {
    let mut failure = Vec::new();
    for violation in violations {
        let mut message = Vec::new();
        put_bytes_field(&mut message, 1, violation.subject.as_bytes());
        put_bytes_field(&mut message, 2, violation.description.as_bytes());
        put_bytes_field(&mut message, 5, violation.policy.as_bytes());
        put_message_field(&mut failure, 1, &message);
    }
    failure
}

/// `Any { type_url = 1, value = 2 }`.
fn put_any(out: &mut Vec<u8>, field: u64, type_name: &str, value: &[u8]) {
    let mut any = Vec::with_capacity(value.len() + 64);
    put_bytes_field(
        &mut any,
        1,
        format!("type.googleapis.com/{type_name}").as_bytes(),
    );
    put_bytes_field(&mut any, 2, value);
    put_message_field(out, field, &any);
}

fn put_message_field(out: &mut Vec<u8>, field: u64, message: &[u8]) {
    put_varint(out, field << 3 | 2);
    put_varint(out, message.len() as u64);
    out.extend_from_slice(message);
}

/// Strings and bytes. Empty is the default, which proto3 leaves out.
fn put_bytes_field(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    if !bytes.is_empty() {
        put_message_field(out, field, bytes);
    }
}

/// Integers that are not negative. 0 is the default, which proto3 leaves out.
fn put_varint_field(out: &mut Vec<u8>, field: u64, value: u64) {
    if value != 0 {
        put_varint(out, field << 3);
        put_varint(out, value);
    }
}

/// Seven bits a byte, the lowest first, the top bit where more follow.
fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_carry_seven_bits_a_byte() {
        for (value, bytes) in [
            (0, &[0][..]),
            (127, &[0x7f]),
            (150, &[0x96, 0x01]),
            (
                u64::MAX,
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            ),
        ] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out, bytes, "{value}");
        }
    }

    #[test]
    fn a_status_is_these_bytes() {
        let violation = QuotaViolation::of("ip").subject("s").description("20/s");
        let bytes = status(8, "slow", Some(Duration::from_millis(1500)), &[violation]);

        let mut expected = vec![0x08, 8, 0x12, 4];
        expected.extend(b"slow");
        // details: Any { "type.googleapis.com/google.rpc.RetryInfo" (40), RetryInfo }
        expected.extend([0x1a, 54, 0x0a, 40]);
        expected.extend(b"type.googleapis.com/google.rpc.RetryInfo");
        // RetryInfo { Duration { 1 s, 500 000 000 ns } }
        expected.extend([
            0x12, 10, 0x0a, 8, 0x08, 1, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01,
        ]);
        // details: Any { "type.googleapis.com/google.rpc.QuotaFailure" (43), QuotaFailure }
        expected.extend([0x1a, 62, 0x0a, 43]);
        expected.extend(b"type.googleapis.com/google.rpc.QuotaFailure");
        // QuotaFailure { Violation { subject, description, quota_id } }
        expected.extend([0x12, 15, 0x0a, 13, 0x0a, 1, b's', 0x12, 4]);
        expected.extend(b"20/s");
        expected.extend([0x2a, 2, b'i', b'p']);
        assert_eq!(bytes, expected);
    }

    #[test]
    fn defaults_are_left_out_but_a_zero_delay_is_a_delay() {
        assert_eq!(status(14, "", None, &[]), [0x08, 14]);
        assert_eq!(retry_info(Duration::ZERO), [0x0a, 0]);
    }
}
