use std::fmt;

/// Which life of which server answers: it changes when the server restarts, is restored, or another takes over.
///
/// Whoever holds truth that Redis may have lost in between reacts to a change before trusting what it reads.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Incarnation {
    /// The server's `run_id`: random, made anew at every start. Of a cluster, those of all masters in order, with `+`
    /// between them.
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

    /// Of a cluster: another one as soon as one of the masters is another one. `None` if there are none.
    ///
    /// Its role is that of a primary: a node that has become a replica sends on whoever asks.
    pub(super) fn of_all(mut masters: Vec<Self>) -> Option<Self> {
        masters.sort_by(|one, other| one.run_id.cmp(&other.run_id));
        let run_ids: Vec<_> = masters.iter().map(|master| &*master.run_id).collect();
        (!run_ids.is_empty()).then(|| Self {
            run_id: run_ids.join("+").into(),
            role: Role::Primary,
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

    #[test]
    fn that_of_a_cluster_changes_with_each_master_and_not_with_their_order() {
        let server = |id: &str| Incarnation::read(&format!("run_id:{id}"), "role:master").unwrap();
        let cluster = |ids: [&str; 2]| Incarnation::of_all(ids.map(server).into());
        assert_eq!(&*cluster(["b", "a"]).unwrap().run_id, "a+b");
        assert_eq!(cluster(["b", "a"]), cluster(["a", "b"]));
        assert_ne!(cluster(["b", "a"]), cluster(["b", "c"]));
        assert_eq!(Incarnation::of_all(vec![server("a")]), Some(server("a")));
        assert_eq!(Incarnation::of_all(Vec::new()), None);
    }
}
