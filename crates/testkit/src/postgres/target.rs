use crate::url::decoded;

/// What a Postgres URL says, as far as the tests' own URLs go: `postgres://user[:password]@host[:port]/database`, query
/// ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) address: String,
    pub(super) user: String,
    pub(super) password: Option<String>,
    pub(super) database: String,
}

impl Target {
    pub(super) fn read(url: &str) -> Option<Self> {
        let rest = url
            .strip_prefix("postgres://")
            .or_else(|| url.strip_prefix("postgresql://"))?;
        let rest = rest.split_once('?').map_or(rest, |(before, _)| before);
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, host) = authority
            .rsplit_once('@')
            .unwrap_or(("postgres", authority));
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(decoded(password))),
            None => (login, None),
        };
        let named_port = host
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let address = if named_port {
            host.to_owned()
        } else {
            format!("{host}:5432")
        };
        let database = if database.is_empty() { user } else { database };
        Some(Self {
            address,
            user: user.to_owned(),
            password,
            database: database.to_owned(),
        })
    }
}

/// The same URL with another database.
pub(super) fn with_database(url: &str, database: &str) -> String {
    let (url, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url[authority..]
        .find('/')
        .map_or(url.len(), |at| authority + at);
    format!("{}/{database}{query}", &url[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_the_tests_are_read() {
        let target =
            Target::read("postgres://ann:se%2Fcret@127.0.0.1:6000/shop?sslmode=disable").unwrap();
        assert_eq!(
            (target.address.as_str(), target.user.as_str()),
            ("127.0.0.1:6000", "ann")
        );
        assert_eq!(
            (target.password.as_deref(), target.database.as_str()),
            (Some("se/cret"), "shop")
        );
        let target = Target::read("postgresql://ann@localhost").unwrap();
        assert_eq!(
            (target.address.as_str(), target.database.as_str()),
            ("localhost:5432", "ann")
        );
        assert_eq!(Target::read("mysql://ann@localhost"), None);
    }

    #[test]
    fn only_the_database_of_a_url_changes() {
        assert_eq!(
            with_database("postgres://a@h:1/b", "c"),
            "postgres://a@h:1/c"
        );
        assert_eq!(
            with_database("postgres://a@h:1?x=1", "c"),
            "postgres://a@h:1/c?x=1"
        );
        assert_eq!(
            with_database("postgres://a@h/b?x=1/2", "c"),
            "postgres://a@h/c?x=1/2"
        );
    }
}
