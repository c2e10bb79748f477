//! What an error reply means: for the caller, and for the health of the server.

use super::{
    error::CommandError,
    health::{Cause, Class},
};

/// Which operations a reply says the server cannot serve now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unfit {
    /// Reads go on.
    Writes,
    Everything,
}

impl Unfit {
    pub(super) fn includes(self, class: Class) -> bool {
        self == Self::Everything || class == Class::Write
    }
}

/// The first word of an error reply; of the error inside it where Redis 6 wraps what a script's command said.
fn code(reply: &str) -> &str {
    let inner = match reply.strip_prefix("ERR Error running script") {
        Some(rest) => rest.split_once(": -").map_or(reply, |(_, inner)| inner),
        None => reply,
    };
    inner.split([' ', ':']).next().unwrap_or_default()
}

/// What Redis 7.0 and Valkey say, without a word of its own, where a script may do what its user may not.
const SCRIPT_DENIALS: [&str; 2] = [
    "ERR The user executing the script can't",
    "ERR ACL failure in script",
];

/// The caller's error for an error reply.
pub(super) fn classify(reply: &str) -> CommandError {
    match code(reply) {
        "OOM" => CommandError::OutOfMemory,
        "READONLY" | "NOREPLICAS" | "MISCONF" => CommandError::ReadOnly,
        "LOADING" | "MASTERDOWN" => CommandError::Loading,
        "BUSY" | "UNKILLABLE" => CommandError::Busy,
        "NOAUTH" | "WRONGPASS" => CommandError::Auth,
        "NOPERM" => CommandError::Denied(reply.into()),
        "ERR" if SCRIPT_DENIALS.iter().any(|start| reply.starts_with(start)) => {
            CommandError::Denied(reply.into())
        }
        "WRONGTYPE" => CommandError::WrongType,
        "CLUSTERDOWN" | "CROSSSLOT" | "MOVED" | "ASK" | "TRYAGAIN" => CommandError::Cluster,
        _ => CommandError::Other(reply.into()),
    }
}

/// What an error reply says about the server's health, if anything.
///
/// `None` for errors of the application (wrong type, missing script, missing permission): a server that says so is
/// well.
pub(super) fn unfit(reply: &str) -> Option<(Unfit, Cause)> {
    let cause = || Cause::Reply(reply.into());
    match code(reply) {
        "OOM" => Some((Unfit::Writes, Cause::OutOfMemory)),
        "READONLY" | "NOREPLICAS" | "MISCONF" => {
            Some((Unfit::Writes, Cause::ReadOnly(reply.into())))
        }
        "LOADING" | "MASTERDOWN" => Some((Unfit::Everything, Cause::Loading)),
        "BUSY" | "UNKILLABLE" => Some((Unfit::Everything, Cause::Busy)),
        "NOAUTH" | "WRONGPASS" => Some((Unfit::Everything, Cause::Auth(reply.into()))),
        "CLUSTERDOWN" => Some((Unfit::Everything, cause())),
        _ => None,
    }
}

/// `NOSCRIPT`: the script cache was flushed, or the server is new.
pub(super) fn is_missing_script(error: &CommandError) -> bool {
    matches!(error, CommandError::Other(reply) if code(reply) == "NOSCRIPT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_replies_are_classified_by_their_first_word() {
        for (reply, expected) in [
            (
                "OOM command not allowed when used memory > 'maxmemory'.",
                CommandError::OutOfMemory,
            ),
            (
                "READONLY You can't write against a read only replica.",
                CommandError::ReadOnly,
            ),
            (
                "NOREPLICAS Not enough good replicas to write.",
                CommandError::ReadOnly,
            ),
            (
                "MISCONF Redis is configured to save RDB snapshots",
                CommandError::ReadOnly,
            ),
            (
                "LOADING Redis is loading the dataset in memory",
                CommandError::Loading,
            ),
            ("MASTERDOWN Link with MASTER is down", CommandError::Loading),
            ("BUSY Redis is busy running a script.", CommandError::Busy),
            ("NOAUTH Authentication required.", CommandError::Auth),
            (
                "WRONGPASS invalid username-password pair",
                CommandError::Auth,
            ),
            ("WRONGTYPE Operation against a key", CommandError::WrongType),
            ("CLUSTERDOWN The cluster is down", CommandError::Cluster),
            (
                "CROSSSLOT Keys in request don't hash to the same slot",
                CommandError::Cluster,
            ),
        ] {
            assert_eq!(classify(reply), expected, "{reply}");
        }
        assert_eq!(
            classify("ERR no such thing"),
            CommandError::Other("ERR no such thing".into())
        );
        for denial in [
            "NOPERM this user has no permissions",
            "NOPERM ACL failure in script: User app has no permissions to run the 'get' command",
            "ERR ACL failure in script: User app has no permissions to run the 'get' command script: on @user_script:10.",
            "ERR The user executing the script can't run this command or subcommand script: 93b7, on @user_script:10.",
            "ERR Error running script (call to f_e4b2): @user_script:1: -NOPERM The user executing the script can't run",
        ] {
            assert_eq!(classify(denial), CommandError::Denied(denial.into()));
        }
        // A longer word is another word.
        assert!(matches!(
            classify("BUSYGROUP Consumer Group name already exists"),
            CommandError::Other(_)
        ));
    }

    #[test]
    fn an_error_wrapped_by_the_script_engine_of_redis_6_is_unwrapped() {
        let reply =
            "ERR Error running script (call to f_e4b2): @user_script:1: -OOM command not allowed";
        assert_eq!(classify(reply), CommandError::OutOfMemory);
        assert_eq!(unfit(reply), Some((Unfit::Writes, Cause::OutOfMemory)));
    }

    #[test]
    fn errors_of_the_application_say_nothing_about_health() {
        for reply in [
            "WRONGTYPE x",
            "NOSCRIPT No matching script",
            "NOPERM x",
            "ERR value is not an integer",
            "",
        ] {
            assert_eq!(unfit(reply), None, "{reply}");
        }
    }

    #[test]
    fn a_server_that_takes_no_writes_is_still_fit_for_reads() {
        for reply in ["OOM x", "READONLY x", "NOREPLICAS x", "MISCONF x"] {
            let (unfit, _) = unfit(reply).unwrap();
            assert!(
                unfit.includes(Class::Write) && !unfit.includes(Class::Read),
                "{reply}"
            );
        }
        for reply in [
            "LOADING x",
            "BUSY x",
            "CLUSTERDOWN x",
            "NOAUTH x",
            "MASTERDOWN x",
        ] {
            assert_eq!(unfit(reply).unwrap().0, Unfit::Everything, "{reply}");
        }
    }
}
