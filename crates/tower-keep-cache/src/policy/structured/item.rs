use std::borrow::Cow;

use http::{HeaderMap, HeaderName};

use super::cursor::Cursor;

/// A bare item (RFC 9651 section 3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Boolean(bool),
    Integer(i64),
    String(String),
    Token(String),
    /// A decimal, a date, a byte sequence or a display string: no field that a cache reads has one.
    Other,
}

/// A member of a list or dictionary. Its parameters mean nothing here, and only had to be well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    Item(Item),
    InnerList,
}

/// All lines of a field as one (section 4.2).
pub(crate) fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, [u8]>> {
    let mut lines = headers.get_all(name).iter().map(|line| line.as_bytes());
    let first = lines.next()?;
    Some(lines.fold(Cow::Borrowed(first), |all, line| {
        [&all, line].join(&b", "[..]).into()
    }))
}

/// Reads a dictionary (section 4.2.2). Of a key that is given twice the last value counts.
pub(crate) fn dictionary(text: &[u8]) -> Option<Vec<(String, Member)>> {
    let mut cursor = Cursor::new(text);
    let mut members: Vec<(String, Member)> = Vec::new();
    members_of(&mut cursor, |cursor| {
        let key = key(cursor)?;
        let member = if cursor.takes(b'=') {
            member(cursor)?
        } else {
            parameters(cursor)?;
            Member::Item(Item::Boolean(true))
        };
        members.retain(|(known, _)| *known != key);
        members.push((key, member));
        Some(())
    })?;
    Some(members)
}

/// Reads a list (section 4.2.1).
pub(crate) fn list(text: &[u8]) -> Option<Vec<Member>> {
    let mut cursor = Cursor::new(text);
    let mut members = Vec::new();
    members_of(&mut cursor, |cursor| {
        members.push(member(cursor)?);
        Some(())
    })?;
    Some(members)
}

fn members_of(
    cursor: &mut Cursor<'_>,
    mut read: impl FnMut(&mut Cursor<'_>) -> Option<()>,
) -> Option<()> {
    cursor.skip_spaces();
    while !cursor.is_at_end() {
        read(cursor)?;
        cursor.skip_blanks();
        if !cursor.is_at_end() {
            cursor.takes(b',').then_some(())?;
            cursor.skip_blanks();
            // Nothing may follow a comma but another member.
            (!cursor.is_at_end()).then_some(())?;
        }
    }
    Some(())
}

fn member(cursor: &mut Cursor<'_>) -> Option<Member> {
    let member = if cursor.takes(b'(') {
        inner_list(cursor)?;
        Member::InnerList
    } else {
        Member::Item(bare_item(cursor)?)
    };
    parameters(cursor)?;
    Some(member)
}

/// Section 4.2.1.2, behind the parenthesis.
fn inner_list(cursor: &mut Cursor<'_>) -> Option<()> {
    loop {
        cursor.skip_spaces();
        if cursor.takes(b')') {
            return Some(());
        }
        bare_item(cursor)?;
        parameters(cursor)?;
        matches!(cursor.peek()?, b' ' | b')').then_some(())?;
    }
}

/// Section 4.2.3.2.
fn parameters(cursor: &mut Cursor<'_>) -> Option<()> {
    while cursor.takes(b';') {
        cursor.skip_spaces();
        key(cursor)?;
        if cursor.takes(b'=') {
            bare_item(cursor)?;
        }
    }
    Some(())
}

/// Section 4.2.3.3.
fn key(cursor: &mut Cursor<'_>) -> Option<String> {
    let starts = |byte: u8| byte.is_ascii_lowercase() || byte == b'*';
    starts(cursor.peek()?).then_some(())?;
    let goes_on = |byte: u8| starts(byte) || byte.is_ascii_digit() || b"_-.".contains(&byte);
    String::from_utf8(cursor.take_while(goes_on).to_vec()).ok()
}

fn bare_item(cursor: &mut Cursor<'_>) -> Option<Item> {
    match cursor.peek()? {
        b'-' | b'0'..=b'9' => number(cursor),
        b'"' => string(cursor),
        b'*' | b'A'..=b'Z' | b'a'..=b'z' => token(cursor),
        b'?' => boolean(cursor),
        b':' => bytes(cursor),
        b'@' => date(cursor),
        b'%' => display_string(cursor),
        _ => None,
    }
}

/// Section 4.2.4: 15 digits at most, or 12 before and 3 behind the point.
fn number(cursor: &mut Cursor<'_>) -> Option<Item> {
    let negative = cursor.takes(b'-');
    let digits = cursor.take_while(|byte| byte.is_ascii_digit());
    if cursor.takes(b'.') {
        let fraction = cursor.take_while(|byte| byte.is_ascii_digit());
        let fits = (1..=12).contains(&digits.len()) && (1..=3).contains(&fraction.len());
        return fits.then_some(Item::Other);
    }
    (1..=15).contains(&digits.len()).then_some(())?;
    let number = digits
        .iter()
        .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Some(Item::Integer(if negative { -number } else { number }))
}

/// Section 4.2.5.
fn string(cursor: &mut Cursor<'_>) -> Option<Item> {
    cursor.takes(b'"').then_some(())?;
    let mut text = String::new();
    loop {
        match cursor.next()? {
            b'"' => return Some(Item::String(text)),
            b'\\' => match cursor.next()? {
                escaped @ (b'"' | b'\\') => text.push(char::from(escaped)),
                _ => return None,
            },
            visible @ b' '..=b'~' => text.push(char::from(visible)),
            _ => return None,
        }
    }
}

/// Section 4.2.6.
fn token(cursor: &mut Cursor<'_>) -> Option<Item> {
    let goes_on = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
    let text = cursor.take_while(goes_on).to_vec();
    Some(Item::Token(String::from_utf8(text).ok()?))
}

/// Section 4.2.8.
fn boolean(cursor: &mut Cursor<'_>) -> Option<Item> {
    cursor.takes(b'?').then_some(())?;
    match cursor.next()? {
        b'0' => Some(Item::Boolean(false)),
        b'1' => Some(Item::Boolean(true)),
        _ => None,
    }
}

/// Section 4.2.7; what the base64 says is not looked at.
fn bytes(cursor: &mut Cursor<'_>) -> Option<Item> {
    cursor.takes(b':').then_some(())?;
    cursor.take_while(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    cursor.takes(b':').then_some(Item::Other)
}

/// Section 4.2.9.
fn date(cursor: &mut Cursor<'_>) -> Option<Item> {
    cursor.takes(b'@').then_some(())?;
    matches!(number(cursor)?, Item::Integer(_)).then_some(Item::Other)
}

/// Section 4.2.10.
fn display_string(cursor: &mut Cursor<'_>) -> Option<Item> {
    (cursor.takes(b'%') && cursor.takes(b'"')).then_some(())?;
    let mut text = Vec::new();
    loop {
        match cursor.next()? {
            b'"' => return String::from_utf8(text).ok().map(|_| Item::Other),
            b'%' => text.push(hexadecimal(cursor.next()?)? * 16 + hexadecimal(cursor.next()?)?),
            visible @ b' '..=b'~' => text.push(visible),
            _ => return None,
        }
    }
}

fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Member {
        Member::Item(Item::String(text.to_owned()))
    }

    fn integer(number: i64) -> Member {
        Member::Item(Item::Integer(number))
    }

    #[test]
    fn dictionaries_are_read() {
        let is_true = Member::Item(Item::Boolean(true));
        let read =
            dictionary(b" max-age=60;a=1;b , no-store,\tx=?0;y, z=(1 \"a\";p tok) ").unwrap();
        let expected = [
            ("max-age", integer(60)),
            ("no-store", is_true.clone()),
            ("x", Member::Item(Item::Boolean(false))),
            ("z", Member::InnerList),
        ];
        assert_eq!(read, expected.map(|(key, member)| (key.to_owned(), member)));
        assert_eq!(
            dictionary(b"a=1, b, a=2").unwrap(),
            [("b".to_owned(), is_true), ("a".to_owned(), integer(2))]
        );
        assert_eq!(dictionary(b""), Some(Vec::new()));
    }

    #[test]
    fn lists_are_read() {
        assert_eq!(
            list(br#""a", "b \"c\" \\";x="y" "#).unwrap(),
            [text("a"), text("b \"c\" \\")]
        );
        let others = list(b"-1.5, :aGk=:, @1659578233, %\"f%c3%bc\", tok/en:*").unwrap();
        assert_eq!(others[..4], [const { Member::Item(Item::Other) }; 4]);
        assert_eq!(others[4], Member::Item(Item::Token("tok/en:*".to_owned())));
    }

    #[test]
    fn what_is_not_well_formed_is_no_field() {
        for wrong in [
            "a=1,",
            "a=1,,b",
            ",a",
            "a =1",
            "a= 1",
            "A=1",
            "a=1 b",
            "a=\"x",
            "a=\"\\x\"",
            "a=?2",
            "a=1.",
            "a=1.2345",
            "a=1234567890123456",
            "a=-",
            "a=(1 2",
            "a=(1,2)",
            "a=(\"x\"\"y\")",
            "a;B",
            "a=:x",
            "a=@1.5",
            "a=%\"%C3\"",
            "a=%\"%c3\"",
            "a=\u{e4}",
            "max-age=10000, &&&&&",
            "\ta",
        ] {
            assert_eq!(dictionary(wrong.as_bytes()), None, "{wrong}");
        }
        for wrong in ["\"a\",", "\"a\" \"b\"", "\"a\" ;x", "(", ")", "\"a\t\""] {
            assert_eq!(list(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_fails_on_any_bytes(text in proptest::collection::vec(any::<u8>(), 0..48)) {
            dictionary(&text);
            list(&text);
        }

        #[test]
        fn strings_come_back_as_they_were_written(given in proptest::collection::vec("[ -~]{0,12}", 0..4)) {
            let quoted = given.iter().map(|given| format!("\"{}\"", given.replace('\\', "\\\\").replace('"', "\\\"")));
            let written = quoted.collect::<Vec<_>>().join(" , ");
            let expected: Vec<_> = given.iter().map(|given| text(given)).collect();
            prop_assert_eq!(list(written.as_bytes()), Some(expected));
        }
    }
}
