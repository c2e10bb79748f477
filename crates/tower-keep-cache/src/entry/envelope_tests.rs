use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::{entry::Kind, policy::Staleness, tag::Tag};

const KEY: [u8; 32] = [7; 32];

fn incarnation() -> Incarnation {
    Incarnation::from(*b"AAECAwQFBgcICQoL")
}

fn entry() -> Entry {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.append("link", HeaderValue::from_static("</a>"));
    headers.append("link", HeaderValue::from_static("</b>"));
    Entry {
        kind: Kind::Response,
        status: StatusCode::OK,
        headers,
        body: Bytes::from_static(b"{\"id\":7}"),
        trailers: None,
        stored_at: 1_795_000_000_123,
        ttl: Duration::from_secs(60),
        stale: Staleness {
            while_revalidate: Duration::from_secs(30),
            if_error: Duration::from_secs(600),
            forbidden: false,
            validate: false,
        },
        took: Duration::from_millis(12),
        variant: None,
    }
}

fn encoded(entry: &Entry) -> Bytes {
    let tags = [Tag::from("product:7").id(), Tag::from("products").id()];
    Envelope::encode(entry, &tags, &incarnation(), 1_795_000_000_123_456, &KEY)
}

#[test]
fn an_entry_comes_back_as_it_was() {
    let mut entry = entry();
    for trailers in [None, Some(HeaderMap::new()), Some(entry.headers.clone())] {
        entry.trailers = trailers;
        let envelope = Envelope::open(encoded(&entry), &KEY).unwrap();
        assert_eq!(envelope.incarnation(), &incarnation());
        assert_eq!(envelope.stamp(), 1_795_000_000_123_456);
        let tags: Vec<_> = envelope.tags().collect();
        assert_eq!(
            tags,
            [Tag::from("product:7").id(), Tag::from("products").id()]
        );
        assert_eq!(envelope.into_entry().unwrap(), entry);
    }
}

#[test]
fn a_value_comes_back_as_it_was() {
    let value = Entry::value(
        3,
        70_000,
        Bytes::from_static(b"x"),
        5,
        Duration::from_millis(7),
    );
    let envelope = Envelope::open(encoded(&value), &KEY).unwrap();
    assert_eq!(envelope.into_entry().unwrap(), value);
}

#[test]
fn the_body_of_a_hit_is_a_slice_of_the_reply() {
    let bytes = encoded(&entry());
    let body = Envelope::open(bytes.clone(), &KEY)
        .unwrap()
        .into_entry()
        .unwrap()
        .body;
    let reply = bytes.as_ptr_range();
    assert!(reply.contains(&body.as_ptr()));
}

#[test]
fn an_entry_with_one_tag_takes_at_most_96_bytes_over_body_and_headers() {
    let mut entry = entry();
    entry.body = Bytes::from(vec![b'x'; 100 * 1024]);
    entry.ttl = Duration::from_secs(366 * 24 * 60 * 60);
    for (name, value) in [
        ("etag", "\"abc\""),
        ("date", "x"),
        ("cache-control", "max-age=60"),
    ] {
        entry.headers.append(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    let bytes = Envelope::encode(
        &entry,
        &[Tag::from("a").id()],
        &incarnation(),
        1 << 52,
        &KEY,
    );
    let headers: usize = entry
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    let over = bytes.len() - entry.body.len() - headers;
    assert!(over <= 96, "{over}");
}

#[test]
fn another_version_is_told_apart_from_damage() {
    let bytes = encoded(&entry());
    let damaged = |at: usize, value: u8| {
        let mut bytes = bytes.to_vec();
        bytes[at] = value;
        Envelope::open(bytes.into(), &KEY).unwrap_err()
    };
    assert_eq!(damaged(0, b'X'), Undecodable::Foreign);
    assert_eq!(damaged(2, VERSION + 1), Undecodable::Version);
    assert_eq!(damaged(STAMP.start, 0), Undecodable::Checksum);
    assert_eq!(damaged(TAGS, bytes[TAGS] ^ 1), Undecodable::Checksum);
    assert_eq!(
        Envelope::open(Bytes::new(), &KEY).unwrap_err(),
        Undecodable::Foreign
    );
}

#[test]
fn the_entry_of_another_key_is_none() {
    for byte in 0..KEY.len() {
        let mut other = KEY;
        other[byte] ^= 1;
        let opened = Envelope::open(encoded(&entry()), &other);
        assert_eq!(opened.unwrap_err(), Undecodable::Checksum);
    }
}

#[test]
fn a_truncated_or_grown_entry_is_refused_at_every_length() {
    let mut with_trailers = entry();
    with_trailers.trailers = Some(entry().headers);
    for entry in [entry(), with_trailers] {
        let whole = encoded(&entry);
        let read = |bytes| Envelope::open(bytes, &KEY).and_then(Envelope::into_entry);
        for length in 0..whole.len() {
            assert!(read(whole.slice(..length)).is_err(), "{length}");
        }
        let mut grown = whole.to_vec();
        grown.push(0);
        assert!(read(grown.into()).is_err());
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Envelope::open(bytes.into(), &KEY).and_then(Envelope::into_entry);
    }

    /// With magic, version and checksum right, so that everything behind them is reached.
    #[test]
    fn arbitrary_content_never_panics(
        tags in 0..4_u8,
        body in 0..300_u32,
        mut bytes in proptest::collection::vec(any::<u8>(), TAGS..300),
    ) {
        bytes[..4].copy_from_slice(&[MAGIC[0], MAGIC[1], VERSION, tags]);
        let body = body.min(bytes.len() as u32).max(8);
        bytes[BODY_START].copy_from_slice(&body.to_le_bytes());
        let checksum = checksum(&bytes, body as usize, &KEY);
        bytes[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
        let _ = Envelope::open(bytes.into(), &KEY).and_then(Envelope::into_entry);
    }

    /// One byte changed anywhere before the body is seen.
    #[test]
    fn every_change_before_the_body_is_seen(at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let bytes = encoded(&entry());
        let body = bytes.len() - entry().body.len();
        let mut changed = bytes.to_vec();
        changed[at.index(body)] ^= flip;
        prop_assert!(Envelope::open(changed.into(), &KEY).is_err());
    }

    #[test]
    fn any_entry_comes_back_as_it_was(
        status in 100..1000_u16,
        fields in proptest::collection::vec(("[a-z][a-z0-9-]{0,30}", "[ -~]{0,300}"), 0..12),
        body in proptest::collection::vec(any::<u8>(), 0..2000),
        (stored_at, ttl) in (any::<u64>(), any::<u64>()),
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(&value).unwrap());
        }
        let entry = Entry {
            kind: Kind::Response,
            status: StatusCode::from_u16(status).unwrap(),
            trailers: (status % 2 == 0).then(|| headers.clone()),
            headers,
            body: body.into(),
            stored_at,
            ttl: Duration::from_millis(ttl),
            stale: Staleness {
                while_revalidate: Duration::from_millis(ttl >> 33),
                if_error: Duration::from_millis(stored_at >> 33),
                forbidden: ttl % 2 == 0,
                validate: ttl % 3 == 0,
            },
            took: Duration::from_millis((ttl as u32).into()),
            variant: (ttl % 5 == 0).then_some(VariantId([9; 16])),
        };
        prop_assert_eq!(Envelope::open(encoded(&entry), &KEY).unwrap().into_entry().unwrap(), entry);
    }
}
