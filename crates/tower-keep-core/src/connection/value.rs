use bytes::Bytes;
use fred::types::Resp3Frame;

use super::{error::CommandError, reply};

/// A reply, as the server sent it.
///
/// Byte strings are slices of the connection's read buffer. One that is kept for long pins that whole buffer (tens
/// of kilobytes, whatever its own size), so **copy what you keep and is smaller than 16 KiB**
/// ([`Bytes::copy_from_slice`]); a larger one is most of its buffer, and slicing it is cheaper than copying.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the reply types of RESP2, and no others will come"
)]
pub enum Value {
    /// No value.
    Nil,
    /// A number.
    Integer(i64),
    /// A status such as `OK`.
    Status(Bytes),
    /// A byte string.
    Bytes(Bytes),
    /// Several values.
    Array(Vec<Self>),
    /// An error inside an array. A reply that is an error as a whole becomes a [`CommandError`].
    Error(CommandError),
}

impl Value {
    /// The bytes of a byte string or a status, `None` for nil.
    ///
    /// # Errors
    /// [`CommandError::Other`] if it is something else.
    pub fn into_bytes(self) -> Result<Option<Bytes>, CommandError> {
        match self {
            Self::Nil => Ok(None),
            Self::Bytes(bytes) | Self::Status(bytes) => Ok(Some(bytes)),
            other => Err(other.unexpected("a byte string")),
        }
    }

    /// The number.
    ///
    /// # Errors
    /// [`CommandError::Other`] if it is something else.
    pub fn into_integer(self) -> Result<i64, CommandError> {
        match self {
            Self::Integer(number) => Ok(number),
            other => Err(other.unexpected("a number")),
        }
    }

    /// The values of an array.
    ///
    /// # Errors
    /// [`CommandError::Other`] if it is something else.
    pub fn into_array(self) -> Result<Vec<Self>, CommandError> {
        match self {
            Self::Array(values) => Ok(values),
            other => Err(other.unexpected("an array")),
        }
    }

    /// A count, which is never negative.
    pub(super) fn into_count(self) -> Result<u64, CommandError> {
        let number = self.into_integer()?;
        u64::try_from(number)
            .map_err(|_| CommandError::Other(format!("a negative count: {number}").into()))
    }

    /// Names the kinds only: a reply's content may be anybody's data.
    pub(super) fn unexpected(&self, wanted: &str) -> CommandError {
        let got = match self {
            Self::Nil => "nil",
            Self::Integer(_) => "a number",
            Self::Status(_) => "a status",
            Self::Bytes(_) => "a byte string",
            Self::Array(_) => "an array",
            Self::Error(error) => return error.clone(),
        };
        CommandError::Other(format!("{wanted} was expected, {got} came").into())
    }

    /// The value of a whole reply.
    pub(super) fn from_reply(reply: Resp3Frame) -> Result<Self, CommandError> {
        match Self::from_frame(reply) {
            Self::Error(error) => Err(error),
            value => Ok(value),
        }
    }

    /// [`into_bytes`](Self::into_bytes) of a frame, with no value on the way.
    pub(super) fn bytes_of(frame: Resp3Frame) -> Result<Option<Bytes>, CommandError> {
        match frame {
            Resp3Frame::BlobString { data, .. } => Ok(Some(data)),
            Resp3Frame::Null => Ok(None),
            other => Self::from_frame(other).into_bytes(),
        }
    }

    /// Takes a reply apart without walking the bytes in it.
    pub(super) fn from_frame(frame: Resp3Frame) -> Self {
        match frame {
            Resp3Frame::BlobString { data, .. } => Self::Bytes(data),
            Resp3Frame::SimpleString { data, .. } => Self::Status(data),
            Resp3Frame::Number { data, .. } => Self::Integer(data),
            Resp3Frame::Null => Self::Nil,
            Resp3Frame::Array { data, .. } => {
                Self::Array(data.into_iter().map(Self::from_frame).collect())
            }
            Resp3Frame::SimpleError { data, .. } => Self::Error(reply::classify(&data)),
            other => Self::Error(CommandError::Other(
                format!("a reply of kind {:?}", frame_kind(&other)).into(),
            )),
        }
    }
}

/// The kind of a frame that RESP2 does not have, without its content.
fn frame_kind(frame: &Resp3Frame) -> &'static str {
    match frame {
        Resp3Frame::BlobError { .. } => "blob error",
        Resp3Frame::Map { .. } => "map",
        Resp3Frame::Set { .. } => "set",
        Resp3Frame::Push { .. } => "push",
        _ => "unknown",
    }
}
