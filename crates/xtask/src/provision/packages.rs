use std::env;
use std::path::Path;

use tokio::process::Command;

use super::Server;
use crate::child;

/// The system's package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packages {
    Apt,
    Dnf,
    Brew,
}

/// Who may install packages here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    Ours,
    Sudo,
}

impl Packages {
    /// The one that this system has.
    pub(crate) fn present() -> Option<Self> {
        [Self::Apt, Self::Dnf, Self::Brew]
            .into_iter()
            .find(|packages| is_on_path(packages.program()))
    }

    /// Whether we may use it without being asked for a password, and how.
    pub(super) async fn power(self) -> Option<Power> {
        let is_root = rustix::process::geteuid().is_root();
        match self {
            // Homebrew belongs to its user, and refuses root.
            Self::Brew => (!is_root).then_some(Power::Ours),
            Self::Apt | Self::Dnf if is_root => Some(Power::Ours),
            Self::Apt | Self::Dnf => child::output("sudo", &["-n", "true"])
                .await
                .map(|_| Power::Sudo),
        }
    }

    /// The commands that install a server, in order.
    pub(super) fn commands(self, server: Server, power: Power) -> Vec<Command> {
        let package = self.package(server);
        let lines: Vec<Vec<&str>> = match self {
            // RUNLEVEL=1: the package would start a server of its own, which nobody here asked for.
            Self::Apt => vec![
                vec!["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "update"],
                vec![
                    "env",
                    "DEBIAN_FRONTEND=noninteractive",
                    "RUNLEVEL=1",
                    "apt-get",
                    "install",
                    "-y",
                    "--no-install-recommends",
                    package,
                ],
            ],
            Self::Dnf => vec![vec!["dnf", "install", "-y", package]],
            Self::Brew => vec![vec!["brew", "install", package]],
        };
        lines
            .into_iter()
            .map(|mut words| {
                if power == Power::Sudo {
                    words.splice(0..0, ["sudo", "-n"]);
                }
                let mut command = Command::new(words[0]);
                command.args(&words[1..]);
                command
            })
            .collect()
    }

    /// What a person would type.
    pub(crate) fn by_hand(self, server: Server) -> String {
        let package = self.package(server);
        match self {
            Self::Apt => format!("sudo apt-get update && sudo apt-get install -y {package}"),
            Self::Dnf => format!("sudo dnf install -y {package}"),
            Self::Brew => format!("brew install {package}"),
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Apt => "apt-get",
            Self::Dnf => "dnf",
            Self::Brew => "brew",
        }
    }

    fn package(self, server: Server) -> &'static str {
        match (self, server) {
            (Self::Apt, Server::Redis) => "redis-server",
            (Self::Apt, Server::Postgres) => "postgresql",
            (Self::Dnf, Server::Postgres) => "postgresql-server",
            (Self::Brew, Server::Postgres) => "postgresql@17",
            (Self::Dnf | Self::Brew, Server::Redis) => "redis",
        }
    }
}

pub(super) fn is_on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| Path::new(&folder).join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::line_of;

    #[test]
    fn lists_are_brought_up_to_date_before_anything_is_installed() {
        let lines: Vec<String> = Packages::Apt
            .commands(Server::Redis, Power::Sudo)
            .iter()
            .map(line_of)
            .collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("sudo -n env") && lines[0].contains("apt-get update"));
        assert!(lines[1].ends_with("redis-server"));
    }

    #[test]
    fn root_needs_no_sudo() {
        let lines: Vec<String> = Packages::Dnf
            .commands(Server::Postgres, Power::Ours)
            .iter()
            .map(line_of)
            .collect();
        assert_eq!(lines, ["dnf install -y postgresql-server"]);
    }
}
