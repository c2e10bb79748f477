use std::{fmt, path::PathBuf};

use super::secret::Secret;

/// What a URL points at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Address {
    Memory,
    Server(Node),
    Unix(PathBuf),
    Cluster(Vec<Node>),
    Sentinel {
        nodes: Vec<Node>,
        service: String,
        username: Option<String>,
        password: Option<Secret>,
    },
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Node {
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A address and how to get in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Target {
    pub(super) address: Address,
    pub(super) tls: bool,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) database: Option<u8>,
}

impl Target {
    pub(super) fn new(address: Address) -> Self {
        Self {
            address,
            tls: false,
            username: None,
            password: None,
            database: None,
        }
    }
}

/// For logs: where, and never who.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "rediss" } else { "redis" };
        match &self.address {
            Address::Memory => return f.write_str("memory:"),
            Address::Server(node) => write!(f, "{scheme}://{node}")?,
            Address::Unix(path) => write!(f, "redis+unix://{}", path.display())?,
            Address::Cluster(nodes) => write!(f, "{scheme}-cluster://{}", Nodes(nodes))?,
            Address::Sentinel { nodes, service, .. } => {
                write!(f, "{scheme}-sentinel://{}/{service}", Nodes(nodes))?
            }
        }
        match self.database {
            Some(database) => write!(f, "/{database}"),
            None => Ok(()),
        }
    }
}

struct Nodes<'a>(&'a [Node]);

impl fmt::Display for Nodes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, node) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{node}")?;
        }
        Ok(())
    }
}
