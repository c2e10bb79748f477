use std::fmt;

/// Which life of which server answers: it changes when the server restarts, is restored, or another takes over.
///
/// Whoever holds truth that Redis may have lost in between reacts to a change before trusting what it reads.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Incarnation {
    /// The server's `run_id`: random, made anew at every start.
    pub run_id: Box<str>,
    /// What the server is.
    pub role: Role,
}

/// A server's place in replication.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "the two roles that INFO knows")]
pub enum Role {
    /// Takes writes.
    Primary,
    /// Follows a primary.
    Replica,
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self.role {
            Role::Primary => "primary",
            Role::Replica => "replica",
        };
        write!(f, "{role} {}", self.run_id)
    }
}

impl Incarnation {
    /// From the `server` and `replication` sections of `INFO`.
    pub(super) fn read(server: &str, replication: &str) -> Option<Self> {
        let role = match field(replication, "role")? {
            "slave" => Role::Replica,
            _ => Role::Primary,
        };
        Some(Self {
            run_id: field(server, "run_id")?.into(),
            role,
        })
    }
}

/// A field of an `INFO` section.
pub(super) fn field<'a>(section: &'a str, name: &str) -> Option<&'a str> {
    section.lines().find_map(|line| {
        line.split_once(':')
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_run_id_and_the_role() {
        let server = "# Server\r\nredis_version:7.0.15\r\nrun_id:5e4b\r\n";
        let incarnation = Incarnation::read(server, "# Replication\r\nrole:slave\r\n").unwrap();
        assert_eq!(
            (&*incarnation.run_id, incarnation.role),
            ("5e4b", Role::Replica)
        );
        assert_eq!(
            Incarnation::read(server, "role:master").unwrap().role,
            Role::Primary
        );
        assert_eq!(Incarnation::read("", "role:master"), None);
    }
}
