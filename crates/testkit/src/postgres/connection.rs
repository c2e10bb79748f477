use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::scram::{self, Scram};
use super::target::Target;
use crate::shared::unique;

/// How long to wait for any one reply.
const PATIENCE: Duration = Duration::from_secs(30);

/// Version 3.0, as a number of 16 and 16 bits.
const PROTOCOL: i32 = 3 << 16;

/// The authentication messages.
const OK: u32 = 0;
const CLEARTEXT: u32 = 3;
const SASL: u32 = 10;
const SASL_CONTINUE: u32 = 11;
const SASL_FINAL: u32 = 12;

/// A blocking connection that speaks the simple query protocol, without TLS: enough to make databases and to look into
/// them. <https://www.postgresql.org/docs/current/protocol.html>.
pub struct Connection {
    stream: TcpStream,
}

impl Connection {
    /// Connects and logs in.
    ///
    /// # Errors
    /// If nobody listens, the server refuses, or it wants a kind of password that is not spoken here.
    pub fn open(url: &str) -> io::Result<Self> {
        Self::open_within(url, PATIENCE)
    }

    pub(super) fn open_within(url: &str, limit: Duration) -> io::Result<Self> {
        let target =
            Target::read(url).ok_or_else(|| invalid(format!("not a Postgres URL: {url}")))?;
        let address = target
            .address
            .to_socket_addrs()?
            .next()
            .ok_or_else(|| invalid(format!("no address: {url}")))?;
        let stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(limit))?;
        let mut connection = Self { stream };
        connection.log_in(&target)?;
        Ok(connection)
    }

    /// Runs statements and returns the rows of all of them, each value as its text.
    ///
    /// # Errors
    /// If the server says so, with its SQLSTATE; or the connection fails.
    pub fn query(&mut self, sql: &str) -> io::Result<Vec<Vec<Option<String>>>> {
        self.send(b'Q', &text(sql))?;
        let mut rows = Vec::new();
        let mut failure = None;
        loop {
            let (kind, body) = self.receive()?;
            match kind {
                b'D' => rows.push(row(&body)?),
                b'E' => failure = Some(failed(&body)),
                // Ready for the next query: only then is this one over, failed or not.
                b'Z' => return failure.map_or(Ok(rows), Err),
                _ => {}
            }
        }
    }

    fn log_in(&mut self, target: &Target) -> io::Result<()> {
        let mut body = PROTOCOL.to_be_bytes().to_vec();
        for word in ["user", &target.user, "database", &target.database] {
            body.extend(text(word));
        }
        body.push(0);
        self.stream.write_all(&framed(&body))?;
        let password = target.password.as_deref().unwrap_or_default();
        let scram = Scram::new("", password, &unique("nonce"));
        loop {
            let (kind, body) = self.receive()?;
            match (kind, body.split_first_chunk::<4>()) {
                (b'R', Some((code, rest))) => match (u32::from_be_bytes(*code), rest) {
                    (OK | SASL_FINAL, _) => {}
                    (CLEARTEXT, _) => self.send(b'p', &text(password))?,
                    (SASL, offered)
                        if names(offered).any(|name| name == scram::MECHANISM.as_bytes()) =>
                    {
                        let hello = framed_alone(scram.hello().as_bytes());
                        self.send(b'p', &[text(scram::MECHANISM), hello].concat())?;
                    }
                    (SASL_CONTINUE, challenge) => {
                        let proof = std::str::from_utf8(challenge)
                            .ok()
                            .and_then(|text| scram.prove(text));
                        let proof = proof.ok_or_else(|| invalid("not a challenge".to_owned()))?;
                        self.send(b'p', proof.as_bytes())?;
                    }
                    _ => {
                        return Err(io::Error::other(
                            "this server wants a password in a form not spoken here",
                        ));
                    }
                },
                (b'E', _) => return Err(failed(&body)),
                (b'Z', _) => return Ok(()),
                _ => {}
            }
        }
    }

    fn send(&mut self, kind: u8, body: &[u8]) -> io::Result<()> {
        let mut message = vec![kind];
        message.extend(framed(body));
        self.stream.write_all(&message)
    }

    fn receive(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        let length = usize::try_from(i32::from_be_bytes(length))
            .ok()
            .and_then(|length| length.checked_sub(4));
        let mut body =
            vec![0; length.ok_or_else(|| invalid("a message without length".to_owned()))?];
        self.stream.read_exact(&mut body)?;
        Ok((kind, body))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

fn names(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|byte| *byte == 0)
}

/// A message, whose length counts itself.
fn framed(body: &[u8]) -> Vec<u8> {
    with_length(body.len() + 4, body)
}

/// A part of a message, whose length does not.
fn framed_alone(body: &[u8]) -> Vec<u8> {
    with_length(body.len(), body)
}

fn with_length(length: usize, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(length).expect("statements of tests are short");
    [&length.to_be_bytes(), body].concat()
}

/// DataRow: the number of values, then each with its length; a length of -1 is NULL.
fn row(body: &[u8]) -> io::Result<Vec<Option<String>>> {
    let read = || {
        let (count, mut rest) = body.split_first_chunk::<2>()?;
        let mut values = Vec::new();
        for _ in 0..u16::from_be_bytes(*count) {
            let (length, after) = rest.split_first_chunk::<4>()?;
            rest = after;
            values.push(match usize::try_from(i32::from_be_bytes(*length)) {
                Err(_) => None,
                Ok(length) => {
                    let (value, after) = rest.split_at_checked(length)?;
                    rest = after;
                    Some(String::from_utf8_lossy(value).into_owned())
                }
            });
        }
        Some(values)
    };
    read().ok_or_else(|| invalid("a row that is cut off".to_owned()))
}

/// ErrorResponse: fields of a letter and a text; C is the SQLSTATE, M the message.
fn failed(body: &[u8]) -> io::Error {
    let field = |letter: u8| {
        let found = body
            .split(|byte| *byte == 0)
            .find(|field| field.first() == Some(&letter));
        found.map_or_else(String::new, |field| {
            String::from_utf8_lossy(&field[1..]).into_owned()
        })
    };
    io::Error::other(format!("{}: {}", field(b'C'), field(b'M')))
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_texts_and_nulls() {
        let body = [&[0, 2, 0, 0, 0, 2][..], b"ab", &[255; 4]].concat();
        assert_eq!(row(&body).unwrap(), [Some("ab".to_owned()), None]);
        assert!(row(&body[..7]).is_err());
    }

    #[test]
    fn a_failure_has_its_sqlstate_and_its_message() {
        let error = failed(b"SERROR\0C42P04\0Mdatabase \"a\" already exists\0\0");
        assert_eq!(error.to_string(), "42P04: database \"a\" already exists");
    }
}
