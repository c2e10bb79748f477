use std::{borrow::Cow, fmt};

use bytes::Bytes;

use super::health::Class;

/// A Lua script. Cheap to clone.
///
/// It is sent by its SHA-1 (`EVALSHA`); where the server does not know it, once more in full (`EVAL`), which also
/// teaches the server. Declare every key: in a cluster they must share one hash slot.
#[derive(Clone)]
pub struct Script {
    pub(super) source: Bytes,
    pub(super) sha: Bytes,
    pub(super) class: Class,
    pub(super) fenced: bool,
}

impl Script {
    /// A script that changes nothing. Calls go on while the server takes no writes.
    #[must_use]
    pub fn read(source: impl Into<Cow<'static, str>>) -> Self {
        Self::new(source.into(), Class::Read)
    }

    /// A script that may change something.
    #[must_use]
    pub fn write(source: impl Into<Cow<'static, str>>) -> Self {
        Self::new(source.into(), Class::Write)
    }

    /// Gives every call of this script its deadline as one more, last argument: the server's own clock (`TIME`) in
    /// microseconds, as a decimal number.
    ///
    /// A command that reached a server which then hung is executed when the server comes back, long after its
    /// caller has given up and done something else. A script that must not act that late begins with
    ///
    /// ```lua
    /// local time = redis.call('TIME')
    /// if time[1] * 1000000 + time[2] > tonumber(ARGV[#ARGV]) then return redis.error_reply('LATE') end
    /// ```
    ///
    /// Nobody sees that answer: its caller has gone by then. The argument is made from the server's clock as the
    /// last probes saw it, rounded to the early side by at most one round trip, so a script may be refused a round
    /// trip too early, and never acts late unless the server's clock is set back by hand.
    #[must_use]
    pub fn with_deadline(mut self) -> Self {
        self.fenced = true;
        self
    }

    fn new(source: Cow<'static, str>, class: Class) -> Self {
        let sha = Bytes::from(fred::util::sha1_hash(&source));
        let source = match source {
            Cow::Borrowed(text) => Bytes::from_static(text.as_bytes()),
            Cow::Owned(text) => Bytes::from(text),
        };
        Self {
            source,
            sha,
            class,
            fenced: false,
        }
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("sha", &String::from_utf8_lossy(&self.sha))
            .field("class", &self.class)
            .field("fenced", &self.fenced)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_known_by_the_sha_1_of_its_source() {
        let borrowed = Script::read("return 1");
        assert_eq!(
            &borrowed.sha[..],
            b"e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
        );
        assert_eq!(Script::write(String::from("return 1")).sha, borrowed.sha);
    }
}
