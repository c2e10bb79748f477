use std::path::PathBuf;

use crate::url::decoded;

/// What a Redis URL says, as far as the tests' own URLs go: `redis://[:password@]host[:port][/db]` and
/// `redis+unix://[:password@host]/path`, query ignored.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) place: Place,
    pub(super) password: Option<String>,
    pub(super) database: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    Tcp(String),
    Unix(PathBuf),
}

impl Target {
    pub(super) fn read(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let rest = rest.split_once('?').map_or(rest, |(before, _)| before);
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let password = user.split_once(':').map(|(_, password)| decoded(password));
        match scheme {
            "redis" | "valkey" => {
                let place = if host.ends_with(|c: char| c.is_ascii_digit()) && host.contains(':') {
                    host.to_owned()
                } else {
                    format!("{host}:6379")
                };
                let database = path.trim_matches('/');
                let database = (!database.is_empty()).then(|| database.to_owned());
                Some(Self {
                    place: Place::Tcp(place),
                    password,
                    database,
                })
            }
            "redis+unix" | "valkey+unix" => Some(Self {
                place: Place::Unix(PathBuf::from(path)),
                password,
                database: None,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(place: &str, password: Option<&str>, database: Option<&str>) -> Option<Target> {
        let [password, database] = [password, database].map(|text| text.map(str::to_owned));
        Some(Target {
            place: Place::Tcp(place.to_owned()),
            password,
            database,
        })
    }

    #[test]
    fn urls_of_the_tests_are_read() {
        assert_eq!(
            Target::read("redis://127.0.0.1:7000"),
            tcp("127.0.0.1:7000", None, None)
        );
        assert_eq!(
            Target::read("redis://localhost/3?command_timeout=20ms"),
            tcp("localhost:6379", None, Some("3"))
        );
        assert_eq!(
            Target::read("valkey://:p%40ss@127.0.0.1:1/"),
            tcp("127.0.0.1:1", Some("p@ss"), None)
        );
        let unix = Target::read("redis+unix://:pass@localhost/tmp/a.sock").unwrap();
        assert_eq!(
            (unix.place, unix.password.as_deref()),
            (Place::Unix("/tmp/a.sock".into()), Some("pass"))
        );
        assert_eq!(Target::read("http://127.0.0.1"), None);
        assert_eq!(Target::read("127.0.0.1:6379"), None);
    }
}
