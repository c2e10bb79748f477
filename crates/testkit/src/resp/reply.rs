use std::fmt;
use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// What a server answered.
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RESP2 has no other types")]
pub enum Reply {
    /// `+OK`
    Status(String),
    /// `-ERR …`
    Error(String),
    /// `:1`
    Integer(i64),
    /// `$3 foo`
    Bulk(Vec<u8>),
    /// `*2 …`
    Array(Vec<Self>),
    /// `$-1` or `*-1`
    Nil,
}

impl Reply {
    /// The text of a status, an error or a bulk string.
    ///
    /// # Panics
    /// If it is something else, or not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        match self {
            Self::Status(text) | Self::Error(text) => text,
            Self::Bulk(bytes) => {
                std::str::from_utf8(bytes).unwrap_or_else(|_| panic!("not UTF-8: {self:?}"))
            }
            other => panic!("no text: {other:?}"),
        }
    }

    /// The number of an integer reply, or of a text that is one.
    ///
    /// # Panics
    /// If it is something else.
    #[must_use]
    #[track_caller]
    pub fn integer(&self) -> i64 {
        match self {
            Self::Integer(number) => *number,
            other => other
                .text()
                .parse()
                .unwrap_or_else(|_| panic!("no number: {other:?}")),
        }
    }

    /// The elements of an array.
    ///
    /// # Panics
    /// If it is something else.
    #[must_use]
    #[track_caller]
    pub fn array(&self) -> &[Self] {
        let Self::Array(elements) = self else {
            panic!("no array: {self:?}")
        };
        elements
    }

    /// True for [`Reply::Error`].
    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }

    /// True for [`Reply::Nil`].
    #[must_use]
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// Reads one reply: <https://redis.io/docs/latest/develop/reference/protocol-spec/>.
    pub(super) async fn read<R: AsyncBufRead + Unpin + Send>(reader: &mut R) -> io::Result<Self> {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).await?;
        let Some(line) = line.strip_suffix(b"\r\n") else {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "closed by the server",
            ));
        };
        let line = std::str::from_utf8(line).map_err(|_| not_resp(line))?;
        let mut characters = line.chars();
        let kind = characters.next();
        let rest = characters.as_str();
        let number = || rest.parse::<i64>().map_err(|_| not_resp(line.as_bytes()));
        match kind {
            Some('+') => Ok(Self::Status(rest.to_owned())),
            Some('-') => Ok(Self::Error(rest.to_owned())),
            Some(':') => Ok(Self::Integer(number()?)),
            Some('$') => match usize::try_from(number()?) {
                Err(_) => Ok(Self::Nil),
                Ok(length) => {
                    let mut bytes = vec![0; length + 2];
                    reader.read_exact(&mut bytes).await?;
                    bytes.truncate(length);
                    Ok(Self::Bulk(bytes))
                }
            },
            Some('*') => match usize::try_from(number()?) {
                Err(_) => Ok(Self::Nil),
                Ok(length) => {
                    let mut elements = Vec::new();
                    for _ in 0..length {
                        elements.push(Box::pin(Self::read(reader)).await?);
                    }
                    Ok(Self::Array(elements))
                }
            },
            _ => Err(not_resp(line.as_bytes())),
        }
    }
}

fn not_resp(line: &[u8]) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("not RESP2: {:?}", String::from_utf8_lossy(line)),
    )
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(text) => write!(f, "+{text}"),
            Self::Error(text) => write!(f, "-{text}"),
            Self::Integer(number) => write!(f, ":{number}"),
            Self::Bulk(bytes) => write!(f, "{:?}", String::from_utf8_lossy(bytes)),
            Self::Array(elements) => f.debug_list().entries(elements).finish(),
            Self::Nil => f.write_str("nil"),
        }
    }
}

/// For `assert_eq!(client.words("GET k").await, "v")`.
impl PartialEq<str> for Reply {
    fn eq(&self, other: &str) -> bool {
        match self {
            Self::Status(text) | Self::Error(text) => text == other,
            Self::Bulk(bytes) => bytes == other.as_bytes(),
            _ => false,
        }
    }
}

impl PartialEq<&str> for Reply {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl PartialEq<i64> for Reply {
    fn eq(&self, other: &i64) -> bool {
        matches!(self, Self::Integer(number) if number == other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut bytes: &[u8]) -> io::Result<Reply> {
        Reply::read(&mut bytes).await
    }

    #[tokio::test]
    async fn every_type_is_read() {
        let bytes = b"*6\r\n+OK\r\n-ERR no\r\n:-7\r\n$4\r\na\r\nb\r\n$-1\r\n*0\r\n";
        let expected = Reply::Array(vec![
            Reply::Status("OK".into()),
            Reply::Error("ERR no".into()),
            Reply::Integer(-7),
            Reply::Bulk(b"a\r\nb".to_vec()),
            Reply::Nil,
            Reply::Array(Vec::new()),
        ]);
        assert_eq!(read(bytes).await.unwrap(), expected);
    }

    #[tokio::test]
    async fn what_is_cut_off_or_not_resp_is_an_error() {
        assert_eq!(
            read(b"").await.unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
        assert_eq!(
            read(b"$4\r\nab").await.unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
        assert_eq!(
            read(b"HTTP/1.1 400\r\n").await.unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
        assert_eq!(
            read(b":x\r\n").await.unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }
}
