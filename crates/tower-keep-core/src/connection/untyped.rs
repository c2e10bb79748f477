//! What the client library's typed calls have brought, as the reply that it was.

use bytes::Bytes;
use fred::{
    error::{Error, ErrorKind},
    types::{Resp3Frame, Value},
};

use super::carrier::Answer;

/// The reply to a typed read. The library tells error replies as errors of its own; here they are replies again.
pub(super) fn untyped(brought: Result<Value, Error>) -> Answer {
    match brought {
        Ok(value) => frame(value),
        Err(error) if is_reply(&error) => Ok(Resp3Frame::SimpleError {
            data: error.details().into(),
            attributes: None,
        }),
        Err(error) => Err(error),
    }
}

fn frame(value: Value) -> Answer {
    Ok(match value {
        Value::Null => Resp3Frame::Null,
        Value::Bytes(bytes) => blob(bytes),
        // Taken for text because it happens to be UTF-8.
        Value::String(text) => blob(text.into_inner()),
        Value::Array(values) => Resp3Frame::Array {
            data: values.into_iter().map(frame).collect::<Result<_, _>>()?,
            attributes: None,
        },
        _ => {
            return Err(Error::new(
                ErrorKind::Protocol,
                "a reply of a kind that no read has",
            ));
        }
    })
}

fn blob(data: Bytes) -> Resp3Frame {
    Resp3Frame::BlobString {
        data,
        attributes: None,
    }
}

/// Whether the server has said it. Such errors have the kinds of `pretty_error` (fred 10.1.0, protocol/utils.rs) and
/// begin with a word in capitals; the library's own begin like sentences.
fn is_reply(error: &Error) -> bool {
    let kind = matches!(
        error.kind(),
        ErrorKind::Auth
            | ErrorKind::Cluster
            | ErrorKind::Config
            | ErrorKind::InvalidArgument
            | ErrorKind::Unknown
    );
    let word = error.details().split(' ').next().unwrap_or_default();
    kind && word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reply_is_a_reply_again() {
        for (kind, details) in [
            (ErrorKind::Unknown, "OOM command not allowed"),
            (ErrorKind::Unknown, "ERR no"),
            (ErrorKind::Cluster, "MOVED 1 127.0.0.1:7000"),
            (ErrorKind::Auth, "NOAUTH Authentication required."),
            (ErrorKind::InvalidArgument, "WRONGTYPE Operation"),
        ] {
            match untyped(Err(Error::new(kind, details))) {
                Ok(Resp3Frame::SimpleError { data, .. }) => assert_eq!(&*data, details),
                other => panic!("{details}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_the_library_says_by_itself_is_no_reply() {
        for (kind, details) in [
            (ErrorKind::Timeout, "Request timed out."),
            (ErrorKind::Canceled, "Canceled."),
            (ErrorKind::Unknown, "Missing response."),
            (ErrorKind::Unknown, "A failure"),
            (ErrorKind::IO, "EOF"),
            (ErrorKind::Unknown, ""),
        ] {
            assert!(
                untyped(Err(Error::new(kind, details))).is_err(),
                "{details}"
            );
        }
    }

    #[test]
    fn bytes_stay_as_they_are() {
        let text = untyped(Ok(Value::from("text")));
        let raw = untyped(Ok(Value::Bytes(Bytes::from_static(b"\xff"))));
        for (reply, expected) in [(text, &b"text"[..]), (raw, b"\xff")] {
            assert!(matches!(reply, Ok(Resp3Frame::BlobString { data, .. }) if data == expected));
        }
        assert!(matches!(untyped(Ok(Value::Null)), Ok(Resp3Frame::Null)));
        assert!(untyped(Ok(Value::Integer(1))).is_err());
    }
}
