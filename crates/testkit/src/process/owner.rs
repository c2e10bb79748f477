use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The user that a process runs as, where that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    uid: u32,
    gid: u32,
}

/// `nobody` on every system that has no better.
const NOBODY: Owner = Owner {
    uid: 65534,
    gid: 65534,
};

impl Owner {
    /// Who a server that refuses to run as root runs as: `None` if we are not root; else `postgres` if that user
    /// exists, else `nobody`.
    #[must_use]
    pub fn unprivileged() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        Some(find(&users, "postgres").unwrap_or(NOBODY))
    }

    /// Makes `path` theirs.
    ///
    /// # Errors
    /// Those of `chown`.
    pub fn take(self, path: &Path) -> io::Result<()> {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))
    }

    pub(super) fn apply(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}

fn find(users: &str, name: &str) -> Option<Owner> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Owner { uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\npostgres:x:101:104:admin,,,:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(find(users, "postgres"), Some(Owner { uid: 101, gid: 104 }));
        assert_eq!(find(users, "post"), None);
        assert_eq!(find("postgres:x", "postgres"), None);
    }
}
