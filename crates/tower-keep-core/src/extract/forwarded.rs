//! Who a request was forwarded for, read from the right: the right end is what the nearest proxy wrote, and whatever a
//! client makes up is further left. So nothing here looks at anything left of what it was asked for, not even
//! to find where quotes open.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The header that the proxies write.
///
/// One only: a proxy that writes the one passes the other on as the client sent it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ForwardedBy {
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

impl ForwardedBy {
    pub(super) fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => X_FORWARDED_FOR,
            Self::Forwarded => FORWARDED,
        }
    }

    /// The addresses from the right; `None` for an entry that holds none, because it is garbage or hides it.
    pub(super) fn addresses(self, headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
        headers
            .get_all(self.name())
            .iter()
            .rev()
            .flat_map(move |line| FromTheRight {
                rest: Some(line.as_bytes()),
                separator: b',',
                quotes: self == Self::Forwarded,
            })
            .map(<[u8]>::trim_ascii)
            // Lists may have empty elements: RFC 9110 §5.6.1.2.
            .filter(|element| !element.is_empty())
            .map(move |element| match self {
                Self::XForwardedFor => node(element),
                Self::Forwarded => forwarded_for(element),
            })
    }
}

/// The pieces between separators, the last one first. Within quotes a separator is none.
struct FromTheRight<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
    quotes: bool,
}

impl<'a> Iterator for FromTheRight<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let mut quoted = false;
        for (i, byte) in rest.iter().enumerate().rev() {
            if self.quotes && *byte == b'"' && !is_escaped(&rest[..i]) {
                quoted = !quoted;
            } else if *byte == self.separator && !quoted {
                self.rest = Some(&rest[..i]);
                return Some(&rest[i + 1..]);
            }
        }
        self.rest = None;
        Some(rest)
    }
}

/// Whether what comes after `before` has a backslash that is not itself escaped in front of it: RFC 9110 §5.6.4.
fn is_escaped(before: &[u8]) -> bool {
    before
        .iter()
        .rev()
        .take_while(|byte| **byte == b'\\')
        .count()
        % 2
        == 1
}

/// The `for` of one element of `Forwarded`: RFC 7239 §4.
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let pairs = FromTheRight {
        rest: Some(element),
        separator: b';',
        quotes: true,
    };
    let mut nodes = pairs.filter_map(|pair| {
        let pair = pair.trim_ascii();
        let (name, value) = pair.split_at_checked(4)?;
        name.eq_ignore_ascii_case(b"for=").then_some(value)
    });
    match (nodes.next(), nodes.next()) {
        (Some(value), None) => node(unquoted(value)),
        // "Each parameter MUST NOT occur more than once per field-value."
        _ => None,
    }
}

/// Without its quotes. An address has nothing that would have to be escaped in them.
fn unquoted(value: &[u8]) -> &[u8] {
    value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""))
        .unwrap_or(value)
}

/// An address as proxies write it: bare, in brackets, with a port or without (RFC 7239 §6).
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some(bracketed) = text.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        let has_port_or_nothing = port.is_empty() || port.starts_with(':');
        return has_port_or_nothing
            .then(|| address.parse::<Ipv6Addr>().ok())
            .flatten()
            .map(IpAddr::from);
    }
    text.parse().ok().or_else(|| {
        let (address, _port) = text.split_once(':')?;
        address.parse::<Ipv4Addr>().ok().map(IpAddr::from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(by: ForwardedBy, lines: &[&str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(by.name(), line.parse().unwrap());
        }
        by.addresses(&headers)
            .map(|address| address.map_or_else(|| "-".into(), |address| address.to_string()))
            .collect()
    }

    #[test]
    fn lists_are_read_from_the_right_across_lines() {
        let lines = ["192.0.2.1, 192.0.2.2", " ,, 192.0.2.3 ,"];
        assert_eq!(
            read(ForwardedBy::XForwardedFor, &lines),
            ["192.0.2.3", "192.0.2.2", "192.0.2.1"]
        );
    }

    #[test]
    fn addresses_are_read_in_every_form_that_proxies_write() {
        for (text, address) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("unknown", "-"),
            ("_hidden", "-"),
            ("192.0.2.256", "-"),
            ("192.0.2", "-"),
            ("127.1", "-"),
            ("0300.0.2.1", "-"),
            ("fe80::1%eth0", "-"),
            ("[192.0.2.1]", "-"),
            ("[2001:db8::1]4711", "-"),
            ("[2001:db8::1", "-"),
            ("192.0.2.1 192.0.2.2", "-"),
        ] {
            assert_eq!(
                read(ForwardedBy::XForwardedFor, &[text]),
                [address],
                "{text}"
            );
        }
    }

    #[test]
    fn the_examples_of_rfc_7239_are_read() {
        for (line, addresses) in [
            (r#"for="_gazonk""#, &["-"][..]),
            (r#"For="[2001:db8:cafe::17]:4711""#, &["2001:db8:cafe::17"]),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", &["192.0.2.60"]),
            (
                "for=192.0.2.43, for=198.51.100.17",
                &["198.51.100.17", "192.0.2.43"],
            ),
            (
                r#"for=192.0.2.43,for="[2001:db8:cafe::17]",for=unknown"#,
                &["-", "2001:db8:cafe::17", "192.0.2.43"],
            ),
        ] {
            assert_eq!(read(ForwardedBy::Forwarded, &[line]), addresses, "{line}");
        }
    }

    #[test]
    fn an_element_without_exactly_one_for_holds_no_address() {
        for line in [
            "proto=https",
            "for=192.0.2.1;for=192.0.2.2",
            "xfor=192.0.2.1",
        ] {
            assert_eq!(read(ForwardedBy::Forwarded, &[line]), ["-"], "{line}");
        }
    }

    #[test]
    fn separators_in_quotes_separate_nothing() {
        let line = r#"for=192.0.2.1;host="a,for=192.0.2.66\",for=192.0.2.77;b", for=192.0.2.2"#;
        assert_eq!(
            read(ForwardedBy::Forwarded, &[line]),
            ["192.0.2.2", "192.0.2.1"]
        );
    }

    #[test]
    fn quotes_that_a_client_leaves_open_do_not_swallow_what_proxies_append() {
        let line = r#"for="192.0.2.66, for=192.0.2.1, for=192.0.2.2"#;
        assert_eq!(
            read(ForwardedBy::Forwarded, &[line])[..2],
            ["192.0.2.2", "192.0.2.1"]
        );
    }
}
