use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::header::{COOKIE, FORWARDED};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request};
use proptest::prelude::*;

use super::*;
use crate::{Identity, Rejected};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

fn parts(headers: &[(&HeaderName, &[u8])]) -> Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value).unwrap();
        parts.headers.append(*name, value);
    }
    parts
}

fn with_peer(mut parts: Parts, peer: &str) -> Parts {
    let peer: IpAddr = peer.parse().unwrap();
    parts.extensions.insert(SocketAddr::from((peer, 4711)));
    parts
}

fn from_peer(peer: &str) -> Parts {
    with_peer(parts(&[]), peer)
}

fn forwarded_for(value: &str) -> Parts {
    with_peer(parts(&[(&X_FORWARDED_FOR, value.as_bytes())]), "10.0.0.1")
}

fn address(client: &ClientIp, parts: &Parts) -> String {
    client.address(parts).unwrap().to_string()
}

fn private() -> ClientIp {
    ClientIp::trusting(["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()])
}

fn status(missing: MissingSubject) -> u16 {
    let answer = missing
        .into_rejection("ip")
        .into_response::<http_body_util::Empty<bytes::Bytes>>(&crate::Protocol::http());
    assert_eq!(answer.extensions().get::<Rejected>().unwrap().by, "ip");
    answer.status().as_u16()
}

#[test]
fn the_peer_is_the_client_whatever_headers_say() {
    let parts = with_peer(
        parts(&[
            (&X_FORWARDED_FOR, b"198.51.100.66"),
            (&FORWARDED, b"for=198.51.100.66"),
        ]),
        "192.0.2.1",
    );
    for client in [ClientIp::peer(), ClientIp::behind(0), private()] {
        assert_eq!(address(&client, &parts), "192.0.2.1");
    }
}

#[test]
fn without_a_peer_the_error_names_the_fix_and_becomes_a_500() {
    for client in [ClientIp::peer(), private()] {
        let missing = client.subject(&parts(&[])).unwrap_err();
        assert!(
            missing
                .to_string()
                .contains("into_make_service_with_connect_info")
        );
        assert_eq!(status(missing), 500);
    }
}

#[test]
fn behind_proxies_the_client_is_counted_from_the_right() {
    let parts = forwarded_for("198.51.100.66, 203.0.113.9, 10.0.0.3");
    assert_eq!(address(&ClientIp::behind(1), &parts), "10.0.0.3");
    assert_eq!(address(&ClientIp::behind(2), &parts), "203.0.113.9");
}

#[test]
fn behind_proxies_no_peer_address_is_needed() {
    let parts = parts(&[(&X_FORWARDED_FOR, b"203.0.113.9")]);
    assert_eq!(address(&ClientIp::behind(1), &parts), "203.0.113.9");
}

#[test]
fn a_request_that_did_not_come_through_all_proxies_has_no_client() {
    for parts in [from_peer("10.0.0.1"), forwarded_for("203.0.113.9")] {
        let missing = ClientIp::behind(2).subject(&parts).unwrap_err();
        assert!(
            missing.to_string().contains("`x-forwarded-for`"),
            "{missing}"
        );
        assert_eq!(status(missing), 500);
    }
}

#[test]
fn only_the_named_header_counts() {
    let headers: [(&HeaderName, &[u8]); 2] = [
        (&X_FORWARDED_FOR, b"203.0.113.9"),
        (&FORWARDED, b"for=198.51.100.66"),
    ];
    let both = parts(&headers);
    assert_eq!(address(&ClientIp::behind(1), &both), "203.0.113.9");
    assert_eq!(
        address(&ClientIp::behind(1).forwarded(), &both),
        "198.51.100.66"
    );
    assert!(ClientIp::behind(1).address(&parts(&headers[1..])).is_err());
    assert!(
        ClientIp::behind(1)
            .forwarded()
            .address(&parts(&headers[..1]))
            .is_err()
    );
}

#[test]
fn trusted_networks_are_passed_until_the_first_address_outside() {
    let parts = forwarded_for("10.9.9.9, 203.0.113.9, fd00::7, 10.0.0.3");
    assert_eq!(address(&private(), &parts), "203.0.113.9");
}

#[test]
fn if_all_are_trusted_the_leftmost_speaks_for_itself() {
    assert_eq!(
        address(&private(), &forwarded_for("10.0.0.8, 10.0.0.3")),
        "10.0.0.8"
    );
    assert_eq!(address(&private(), &from_peer("10.0.0.1")), "10.0.0.1");
}

#[test]
fn a_proxy_that_hides_the_client_is_an_error_not_a_shared_subject() {
    let parts = forwarded_for("unknown");
    for client in [ClientIp::behind(1), private()] {
        assert_eq!(status(client.subject(&parts).unwrap_err()), 500);
    }
}

#[test]
fn mapped_ipv4_is_the_ipv4_address() {
    let mapped = from_peer("::ffff:192.0.2.1");
    assert_eq!(address(&ClientIp::peer(), &mapped), "192.0.2.1");
    let subject = |parts| ClientIp::peer().subject(&parts).unwrap();
    assert_eq!(subject(mapped), subject(from_peer("192.0.2.1")));
    // Also as a proxy.
    let parts = with_peer(
        parts(&[(&X_FORWARDED_FOR, b"203.0.113.9")]),
        "::ffff:10.0.0.1",
    );
    assert_eq!(address(&private(), &parts), "203.0.113.9");
}

#[test]
fn ipv6_addresses_of_one_network_are_one_subject() {
    let subject = |client: &ClientIp, peer| client.subject(&from_peer(peer)).unwrap();
    let by_64 = ClientIp::peer();
    let one = subject(&by_64, "2001:db8:1:2::1");
    assert_eq!(one, subject(&by_64, "2001:db8:1:2:ffff::9"));
    assert_ne!(one, subject(&by_64, "2001:db8:1:3::1"));
    let by_48 = ClientIp::peer().ipv6_prefix(48);
    assert_eq!(
        subject(&by_48, "2001:db8:1:2::1"),
        subject(&by_48, "2001:db8:1:3::1")
    );
    let by_128 = ClientIp::peer().ipv6_prefix(128);
    assert_ne!(
        subject(&by_128, "2001:db8:1:2::1"),
        subject(&by_128, "2001:db8:1:2::2")
    );
    // IPv4 addresses each stand for themselves.
    assert_ne!(subject(&by_64, "192.0.2.1"), subject(&by_64, "192.0.2.2"));
}

/// What a client can put into a header: visible ASCII with tab and space, and bytes above.
fn junk() -> impl Strategy<Value = Vec<u8>> {
    let telling = r#"[a-z0-9.:;,="\\\[\] _-]{0,40}"#.prop_map(String::into_bytes);
    let any = prop::collection::vec(any::<u8>(), 0..40);
    let likely = prop::sample::select(vec![
        r#"for="1.2.3.4"#,
        r#"for=1.2.3.4;host="\"#,
        "1.2.3.4,",
        ",,,,",
        "10.0.0.9, 10.0.0.9",
        "for=10.0.0.9,for=10.0.0.9",
    ]);
    let likely = likely.prop_map(|text| text.as_bytes().to_vec());
    prop_oneof![telling, any, likely].prop_map(|mut bytes| {
        bytes.retain(|byte| HeaderValue::from_bytes(&[*byte]).is_ok());
        bytes
    })
}

/// What the proxies append: the client's address, then those of all proxies but the nearest.
fn appended(client: IpAddr, proxies: usize, forwarded: bool) -> Vec<String> {
    let addresses =
        std::iter::once(client).chain((2..=proxies).map(|i| IpAddr::from([10, 0, 0, i as u8])));
    let write = |address: IpAddr| match (forwarded, address) {
        (false, address) => address.to_string(),
        (true, IpAddr::V4(address)) => format!("proto=https;for={address};host=\"a,b;c\\\",\""),
        (true, IpAddr::V6(address)) => format!("for=\"[{address}]:4711\""),
    };
    addresses.map(write).collect()
}

fn outside() -> impl Strategy<Value = IpAddr> {
    let v4 = any::<[u8; 3]>().prop_map(|[b, c, d]| IpAddr::from([203, b, c, d]));
    let v6 = any::<[u8; 16]>().prop_map(|mut octets| {
        octets[0] = 0x20;
        IpAddr::from(octets)
    });
    prop_oneof![v4, v6]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_a_client_writes_further_left_changes_nothing(
        lines in prop::collection::vec(junk(), 1..4),
        client in outside(),
        proxies in 1..4_usize,
        forwarded: bool,
        same_line: bool,
        other_header in junk(),
    ) {
        let (name, other) = if forwarded { (&FORWARDED, &X_FORWARDED_FOR) } else { (&X_FORWARDED_FOR, &FORWARDED) };
        let mut values = lines;
        for entry in appended(client, proxies, forwarded) {
            if same_line {
                // What most proxies do: one line, joined by a comma.
                let line = values.last_mut().unwrap();
                line.extend_from_slice(b", ");
                line.extend_from_slice(entry.as_bytes());
            } else {
                values.push(entry.into_bytes());
            }
        }
        let mut headers: Vec<(&HeaderName, &[u8])> = values.iter().map(|value| (name, &value[..])).collect();
        headers.push((other, &other_header));
        let parts = with_peer(parts(&headers), "10.0.0.1");

        for way in [ClientIp::behind(proxies), private()] {
            let way = if forwarded { way.forwarded() } else { way };
            prop_assert_eq!(way.address(&parts), Ok(client));
        }
    }

    #[test]
    fn garbage_never_panics_and_never_makes_a_client_of_an_outside_peer_another(
        lines in prop::collection::vec(junk(), 0..4),
        proxies in 0..5_usize,
    ) {
        for name in [&X_FORWARDED_FOR, &FORWARDED, &COOKIE] {
            let headers: Vec<(&HeaderName, &[u8])> = lines.iter().map(|value| (name, &value[..])).collect();
            let parts = with_peer(parts(&headers), "192.0.2.1");
            let _ = ClientIp::behind(proxies).subject(&parts);
            let _ = ClientIp::behind(proxies).forwarded().subject(&parts);
            let _ = cookie("sid").subject(&parts);
            let _ = header(name.as_str()).subject(&parts);
            for way in [ClientIp::peer(), private(), private().forwarded()] {
                prop_assert_eq!(address(&way, &parts), "192.0.2.1");
            }
        }
    }
}

#[test]
fn a_header_names_the_subject_if_it_is_there_once() {
    let key = HeaderName::from_static("x-api-key");
    let by_key = header("X-Api-Key");
    let subject = |value: &[u8]| by_key.subject(&parts(&[(&key, value)]));
    assert_eq!(subject(b"a"), subject(b"a"));
    assert_ne!(subject(b"a"), subject(b"b"));
    for none in [
        parts(&[]),
        parts(&[(&key, b"")]),
        parts(&[(&key, b"a"), (&key, b"b")]),
    ] {
        let missing = by_key.subject(&none).unwrap_err();
        assert!(missing.to_string().contains("`x-api-key`"), "{missing}");
        assert_eq!(status(missing), 400);
    }
}

#[test]
#[should_panic(expected = "cannot be the name of a header")]
fn a_name_that_no_header_has_is_found_at_start() {
    let _ = header("x api key");
}

#[test]
fn binary_metadata_is_the_same_subject_padded_or_not() {
    let key = HeaderName::from_static("tenant-bin");
    let subject = |value: &[u8]| metadata("tenant-bin").subject(&parts(&[(&key, value)]));
    assert_eq!(subject(b"YQ").unwrap(), subject(b"YQ==").unwrap());
    assert_ne!(subject(b"YQ").unwrap(), subject(b"Yg").unwrap());
    // Not base64, bits that do not belong there, two values, none.
    for value in ["a!", "YR", "YQ,Yg", ""] {
        assert!(subject(value.as_bytes()).is_err(), "{value}");
    }
}

#[test]
fn text_metadata_is_the_subject_of_the_header() {
    let parts = parts(&[(&HeaderName::from_static("x-tenant"), b"apollo")]);
    assert_eq!(
        metadata("x-tenant").subject(&parts).unwrap(),
        header("x-tenant").subject(&parts).unwrap()
    );
}

#[test]
fn a_cookie_is_found_by_its_exact_name() {
    let sid = cookie("sid");
    let subject = |lines: &[&str]| {
        let headers: Vec<_> = lines
            .iter()
            .map(|line| (&COOKIE, line.as_bytes()))
            .collect();
        sid.subject(&parts(&headers))
    };
    let expected = subject(&["sid=a"]).unwrap();
    for lines in [
        &["b=1; sid=a"][..],
        &["sid=a; sid=b"],
        &["b=1", "sid=a"],
        &["xsid=b;sidx=b; SID=b;sid ; sid=a"],
    ] {
        assert_eq!(subject(lines).as_ref(), Ok(&expected), "{lines:?}");
    }
    assert_ne!(subject(&["sid=a=b"]).unwrap(), expected);
    for lines in [&[][..], &["sid="], &["sid"], &["xsid=a"]] {
        assert_eq!(status(subject(lines).unwrap_err()), 400, "{lines:?}");
    }
}

#[test]
fn the_identity_names_the_subject() {
    let with = |name: &'static str| {
        let mut parts = parts(&[]);
        parts.extensions.insert(Identity::new(name));
        identity().subject(&parts)
    };
    assert_eq!(with("7").unwrap(), with("7").unwrap());
    assert_ne!(with("7").unwrap(), with("8").unwrap());
    assert!(with("").is_err());
    let missing = identity().subject(&parts(&[])).unwrap_err();
    assert!(missing.to_string().contains(".or("), "{missing}");
}

#[test]
fn a_closure_names_what_it_likes_but_not_nothing() {
    let by_path = |parts: &Parts| Some(parts.uri.path().to_owned());
    assert_eq!(by_path.subject(&parts(&[])).unwrap(), Subject::new("/"));
    let by_peer = |parts: &Parts| parts.extensions.get::<SocketAddr>().map(SocketAddr::ip);
    assert_eq!(
        by_peer.subject(&from_peer("192.0.2.1")).unwrap(),
        ClientIp::peer().subject(&from_peer("192.0.2.1")).unwrap()
    );
    let empty = |_: &Parts| Some("");
    for missing in [by_peer.subject(&parts(&[])), empty.subject(&parts(&[]))] {
        assert_eq!(status(missing.unwrap_err()), 500);
    }
}

#[test]
fn the_second_extractor_is_asked_where_the_first_has_nothing() {
    let by_user_or_address = identity().or(ClientIp::peer());
    let mut parts = from_peer("192.0.2.1");
    let anonymous = by_user_or_address.subject(&parts).unwrap();
    assert_eq!(anonymous, ClientIp::peer().subject(&parts).unwrap());
    // A user may be named like the bytes of an address.
    parts
        .extensions
        .insert(Identity::new(&[192_u8, 0, 2, 1][..]));
    assert_ne!(by_user_or_address.subject(&parts).unwrap(), anonymous);
}

#[test]
fn together_every_extractor_counts() {
    let key = HeaderName::from_static("x-tenant");
    let both: Arc<dyn SubjectExtractor> = Arc::new((header("x-tenant"), ClientIp::peer()));
    let subject = |tenant: &[u8], peer| both.subject(&with_peer(parts(&[(&key, tenant)]), peer));
    let one = subject(b"a", "192.0.2.1").unwrap();
    assert_eq!(subject(b"a", "192.0.2.1").unwrap(), one);
    assert_ne!(subject(b"b", "192.0.2.1").unwrap(), one);
    assert_ne!(subject(b"a", "192.0.2.2").unwrap(), one);
    assert!(subject(b"", "192.0.2.1").is_err());
    let three = (header("x-tenant"), ClientIp::peer(), |_: &Parts| Some("x"));
    let parts = with_peer(parts(&[(&key, b"a")]), "192.0.2.1");
    assert_ne!(three.subject(&parts).unwrap(), one);
}
