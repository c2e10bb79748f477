/// What went wrong between two ends that speak TLS, in words; `None` if it was something else.
///
/// The client library hands on the `Debug` of an `io::Error` with the TLS library's error in it. Whatever that says is
/// safe to show: names, never keys.
pub(in super::super) fn words(details: &str) -> Option<String> {
    let error = details.strip_prefix("Custom { kind: InvalidData, error: ")?;
    // Text is not TLS: somebody else's `io::Error::new`.
    let error = error
        .strip_suffix(" }")
        .filter(|error| !error.starts_with('"'))?;
    let inside = |variant: &str| {
        let rest = error.strip_prefix(variant)?;
        rest.strip_prefix('(')?.strip_suffix(')')
    };
    Some(if let Some(reason) = inside("InvalidCertificate") {
        certificate(reason)
    } else {
        match inside("AlertReceived") {
            Some("CertificateRequired") => "the server wants a client certificate".into(),
            Some(alert) => format!("the server refused: {alert}"),
            None => error.into(),
        }
    })
}

fn certificate(reason: &str) -> String {
    if reason == "UnknownIssuer" {
        return "the server's certificate is from an unknown authority".into();
    }
    if reason.starts_with("Expired") {
        return "the server's certificate has expired".into();
    }
    if !reason.starts_with("NotValidForName") {
        return format!("the server's certificate is bad: {reason}");
    }
    let names = reason
        .split_once("presented: [")
        .and_then(|(_, rest)| Some(rest.split_once(']')?.0.replace(['\\', '"'], "")))
        .unwrap_or_default();
    format!("the server's certificate is for another host: {names}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_certificate_is_told_in_words() {
        for (error, expected) in [
            (
                "InvalidCertificate(UnknownIssuer)",
                "the server's certificate is from an unknown authority",
            ),
            (
                r#"InvalidCertificate(NotValidForNameContext { expected: DnsName("localhost"), presented: ["DnsName(\"other.test\")"] })"#,
                "the server's certificate is for another host: DnsName(other.test)",
            ),
            (
                "InvalidCertificate(NotValidForName)",
                "the server's certificate is for another host: ",
            ),
            (
                "InvalidCertificate(ExpiredContext { time: UnixTime(2), not_after: UnixTime(1) })",
                "the server's certificate has expired",
            ),
            (
                "InvalidCertificate(BadSignature)",
                "the server's certificate is bad: BadSignature",
            ),
            (
                "AlertReceived(CertificateRequired)",
                "the server wants a client certificate",
            ),
            ("AlertReceived(UnknownCA)", "the server refused: UnknownCA"),
            (
                "InvalidMessage(InvalidContentType)",
                "InvalidMessage(InvalidContentType)",
            ),
        ] {
            let details = format!("Custom {{ kind: InvalidData, error: {error} }}");
            assert_eq!(words(&details).as_deref(), Some(expected));
        }
    }

    #[test]
    fn other_errors_are_left_to_others() {
        for details in [
            r#"Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }"#,
            r#"Custom { kind: InvalidData, error: "stream did not contain valid UTF-8" }"#,
            r#"Custom { kind: UnexpectedEof, error: "peer closed connection without sending TLS close_notify" }"#,
            "Connection closed.",
        ] {
            assert_eq!(words(details), None, "{details}");
        }
    }
}
