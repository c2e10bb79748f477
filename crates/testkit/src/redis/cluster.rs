use std::time::Duration;

use tokio::task::JoinSet;

use super::builder::Kind;
use super::{RedisServer, SlotMove};
use crate::eventually;
use crate::resp::Client;

const SLOTS: usize = 16_384;

/// A start takes 2 to 4 s; a machine that does other things at the same time gets its time.
const START: Duration = Duration::from_secs(60);

/// A cluster of our own: three masters, and a replica for each if asked for. It ends when dropped, and in any case with
/// this process.
///
/// It serves what its living masters own (`cluster-require-full-coverage no`), and a replica takes over for a master
/// that was silent for the node timeout. No `redis-cli` is needed to make it.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

/// What a [`RedisCluster`] is to be.
#[derive(Clone, Debug)]
#[must_use = "nothing is started before `start`"]
pub struct ClusterBuilder {
    replicas: bool,
    node_timeout: Duration,
    #[cfg(feature = "tls")]
    tls: Option<super::tls::Tls>,
}

impl ClusterBuilder {
    /// One replica for each master. Defaults to none.
    pub fn replicas(mut self) -> Self {
        self.replicas = true;
        self
    }

    /// How long a node may be silent before the others take it for dead (`cluster-node-timeout`). Defaults to 1 s: long
    /// enough for a busy machine, and a failover takes about twice as long.
    pub fn node_timeout(mut self, timeout: Duration) -> Self {
        self.node_timeout = timeout;
        self
    }

    /// Each node has a port with TLS beside the one without, and they speak TLS to each other:
    /// [`RedisCluster::tls_url`].
    #[cfg(feature = "tls")]
    pub fn tls(mut self, authority: &crate::Authority, certificate: &crate::Certificate) -> Self {
        self.tls = Some(super::tls::Tls::new(authority, certificate));
        self
    }

    /// Starts it and waits until all nodes agree.
    ///
    /// # Panics
    /// If there is no Redis on this machine or it does not come up.
    pub async fn start(self) -> RedisCluster {
        let count = RedisCluster::MASTERS * if self.replicas { 2 } else { 1 };
        let mut starting = JoinSet::new();
        for _ in 0..count {
            let mut builder = RedisServer::builder().kind(Kind::ClusterNode);
            #[cfg(feature = "tls")]
            builder.tls.clone_from(&self.tls);
            let timeout = self.node_timeout.as_millis().to_string();
            for argument in [
                "--cluster-enabled",
                "yes",
                "--cluster-require-full-coverage",
                "no",
                "--cluster-replica-validity-factor",
                "0",
                "--cluster-node-timeout",
                &timeout,
            ] {
                builder = builder.arg(argument);
            }
            starting.spawn(builder.start());
        }
        let cluster = RedisCluster {
            nodes: starting.join_all().await,
        };
        cluster.form().await;
        cluster
    }
}

impl RedisCluster {
    const MASTERS: usize = 3;

    /// Three masters.
    ///
    /// # Panics
    /// If there is no Redis on this machine or it does not come up.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// For a cluster that is not like every other.
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder {
            replicas: false,
            node_timeout: Duration::from_secs(1),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// `redis-cluster://` with all nodes.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self
            .nodes
            .iter()
            .map(|node| node.address().to_string())
            .collect();
        format!("redis-cluster://{}", hosts.join(","))
    }

    /// `rediss-cluster://` with all nodes.
    ///
    /// # Panics
    /// If it has no ports with TLS.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_url(&self) -> String {
        let hosts: Vec<_> = self
            .nodes
            .iter()
            .map(|node| node.tls_address().to_string())
            .collect();
        format!("rediss-cluster://{}", hosts.join(","))
    }

    /// All nodes, those first that were masters at the start: to be paused, resumed, killed and restarted. One that is
    /// restarted is empty and knows who it is in the cluster.
    #[must_use]
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// The hash slot of a key.
    ///
    /// # Panics
    /// If no node answers.
    pub async fn slot_of(&self, key: &str) -> u16 {
        let reply = self
            .anybody()
            .await
            .words(&format!("CLUSTER KEYSLOT {key}"))
            .await;
        u16::try_from(reply.integer()).expect("a slot")
    }

    /// The master that owns a key, as the first node sees it that answers.
    ///
    /// # Panics
    /// If no node answers, or nobody owns it.
    pub async fn master_of(&self, key: &str) -> &RedisServer {
        let slot = i64::from(self.slot_of(key).await);
        let ranges = self.anybody().await.words("CLUSTER SLOTS").await;
        let port = ranges.array().iter().find_map(|range| {
            let range = range.array();
            let mine = (range[0].integer()..=range[1].integer()).contains(&slot);
            mine.then(|| range[2].array()[1].integer())
        });
        let port = port.unwrap_or_else(|| panic!("nobody owns slot {slot}"));
        self.nodes
            .iter()
            .find(|node| i64::from(node.address().port()) == port)
            .expect("one of the nodes")
    }

    /// Starts to move a slot from the master that owns it to another one. Until the move is
    /// [finished](SlotMove::finish) the keys that are still there are served there, and for the others clients are told
    /// to ASK.
    ///
    /// # Panics
    /// If a node refuses.
    pub async fn start_move<'a>(
        &'a self,
        slot: u16,
        from: &'a RedisServer,
        to: &'a RedisServer,
    ) -> SlotMove<'a> {
        SlotMove::start(&self.nodes, slot, from, to).await
    }

    /// Moves a slot with its keys from the master that owns it to another one; clients that do not know are told MOVED.
    ///
    /// # Panics
    /// If a node refuses.
    pub async fn move_slot(&self, slot: u16, from: &RedisServer, to: &RedisServer) {
        let mut moving = self.start_move(slot, from, to).await;
        moving.keys().await;
        moving.finish().await;
    }

    async fn anybody(&self) -> Client {
        for node in &self.nodes {
            if let Some(client) = node.responsive().await {
                return client;
            }
        }
        panic!("no node answers")
    }

    async fn form(&self) {
        let (masters, replicas) = self.nodes.split_at(Self::MASTERS);
        for (number, node) in self.nodes.iter().enumerate() {
            let mut client = node.client().await;
            // Else nodes that meet quarrel about whose epoch is whose, for seconds.
            accepts(
                &mut client,
                &format!("CLUSTER SET-CONFIG-EPOCH {}", number + 1),
            )
            .await;
            if number < masters.len() {
                let share = SLOTS * number / masters.len()..SLOTS * (number + 1) / masters.len();
                let slots: Vec<_> = share.map(|slot| slot.to_string()).collect();
                accepts(
                    &mut client,
                    &format!("CLUSTER ADDSLOTS {}", slots.join(" ")),
                )
                .await;
            }
        }
        let mut first = masters[0].client().await;
        for node in &self.nodes[1..] {
            let address = node.peer_address();
            let meet = format!("CLUSTER MEET {} {}", address.ip(), address.port());
            accepts(&mut first, &meet).await;
        }
        let count = self.nodes.len();
        self.all_agree(&format!("cluster_known_nodes:{count}"))
            .await;
        for (master, replica) in masters.iter().zip(replicas) {
            let id = master.client().await.words("CLUSTER MYID").await;
            let replicate = format!("CLUSTER REPLICATE {}", id.text());
            let mut client = replica.client().await;
            accepts(&mut client, &replicate).await;
        }
        for replica in replicas {
            replica.follows().await;
        }
        self.all_know_replicas(replicas.len()).await;
        self.all_agree("cluster_state:ok").await;
    }

    async fn all_agree(&self, line: &str) {
        for node in &self.nodes {
            let mut client = node.client().await;
            eventually(START, async || {
                client.words("CLUSTER INFO").await.text().contains(line)
            })
            .await;
        }
    }

    async fn all_know_replicas(&self, count: usize) {
        for node in &self.nodes {
            let mut client = node.client().await;
            eventually(START, async || {
                let nodes = client.words("CLUSTER NODES").await;
                nodes.text().matches("slave").count() == count
            })
            .await;
        }
    }
}

pub(super) async fn accepts(client: &mut Client, command: &str) {
    let reply = client.words(command).await;
    let shown: String = command.chars().take(60).collect();
    assert!(!reply.is_error(), "{shown}: {reply:?}");
}
