use std::path::Path;
use std::process::{Command, Stdio};

/// In a mount namespace of its own, so that nobody else sees it: mount_namespaces(7).
const RUN: &str = "mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"";

/// A command that runs the one in its further arguments with this file for `/etc/hosts`.
pub(super) fn private(hosts: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !rustix::process::geteuid().is_root() {
        // Whoever may not mount may still do so where he is root himself.
        command.arg("--map-root-user");
    }
    command.args(["sh", "-c", RUN, "hosts"]).arg(hosts);
    command
}

/// Whether that can be done here.
pub(crate) fn can_be_private() -> bool {
    let mut command = private(Path::new("/etc/hosts"));
    command
        .arg("true")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
