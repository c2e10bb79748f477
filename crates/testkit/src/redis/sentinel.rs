use std::net::SocketAddr;
use std::time::Duration;

use super::RedisServer;
use super::builder::{Kind, RedisBuilder};
use super::cluster::accepts;
use crate::eventually;
use crate::resp::{Client, Reply};

/// What the sentinels call the servers that they watch.
const SERVICE: &str = "keep";

/// A start takes 0.2 s with one sentinel, and some seconds with more of them: they find each other through the master,
/// where each says hello every two seconds.
const START: Duration = Duration::from_secs(60);

/// A master, its replicas, and the sentinels that watch them. All of it ends when dropped, and in any case with this
/// process.
#[derive(Debug)]
pub struct RedisSentinel {
    servers: Vec<RedisServer>,
    sentinels: Vec<RedisServer>,
}

/// What a [`RedisSentinel`] is to be.
#[derive(Clone, Debug)]
#[must_use = "nothing is started before `start`"]
pub struct SentinelBuilder {
    replicas: usize,
    sentinels: usize,
    down_after: Duration,
    #[cfg(feature = "tls")]
    tls: Option<super::tls::Tls>,
}

impl SentinelBuilder {
    /// How many replicas. Defaults to one.
    pub fn replicas(mut self, count: usize) -> Self {
        self.replicas = count;
        self
    }

    /// How many sentinels, of which more than half must agree. Defaults to one.
    pub fn sentinels(mut self, count: usize) -> Self {
        self.sentinels = count;
        self
    }

    /// How long the master may be silent before it is taken for dead. Defaults to 500 ms.
    pub fn down_after(mut self, silence: Duration) -> Self {
        self.down_after = silence;
        self
    }

    /// The master and the sentinels have a port with TLS beside the one without, and the sentinels know the master by
    /// that: [`RedisSentinel::tls_url`]. There are no replicas.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, authority: &crate::Authority, certificate: &crate::Certificate) -> Self {
        self.replicas = 0;
        self.tls = Some(super::tls::Tls::new(authority, certificate));
        self
    }

    /// Starts it and waits until the sentinels know everybody.
    ///
    /// # Panics
    /// If there is no Redis on this machine or it does not come up.
    pub async fn start(self) -> RedisSentinel {
        let master = self.server(Kind::Server).start().await;
        let mut servers = vec![];
        for _ in 0..self.replicas {
            servers.push(RedisServer::replica_of(&master).await);
        }
        servers.insert(0, master);
        let mut sentinels = Vec::new();
        for _ in 0..self.sentinels {
            sentinels.push(self.server(Kind::Sentinel).start().await);
        }
        let group = RedisSentinel { servers, sentinels };
        group.watch(&self).await;
        group
    }

    fn server(&self, kind: Kind) -> RedisBuilder {
        let builder = RedisServer::builder().kind(kind);
        #[cfg(feature = "tls")]
        let builder = RedisBuilder {
            tls: self.tls.clone(),
            ..builder
        };
        builder
    }
}

impl RedisSentinel {
    /// A master, a replica and a sentinel.
    ///
    /// # Panics
    /// If there is no Redis on this machine or it does not come up.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// For one that is not like every other.
    pub fn builder() -> SentinelBuilder {
        SentinelBuilder {
            replicas: 1,
            sentinels: 1,
            down_after: Duration::from_millis(500),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// `redis-sentinel://` with all sentinels and the name of what they watch.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self
            .sentinels
            .iter()
            .map(|sentinel| sentinel.address().to_string())
            .collect();
        format!(
            "redis-sentinel://{}?sentinel_service={SERVICE}",
            hosts.join(",")
        )
    }

    /// `rediss-sentinel://` with all sentinels and the name of what they watch.
    ///
    /// # Panics
    /// If it has no ports with TLS.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_url(&self) -> String {
        let hosts: Vec<_> = self
            .sentinels
            .iter()
            .map(|sentinel| sentinel.tls_address().to_string())
            .collect();
        format!(
            "rediss-sentinel://{}?sentinel_service={SERVICE}",
            hosts.join(",")
        )
    }

    /// The servers; the first one was the master at the start.
    #[must_use]
    pub fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    /// The sentinels.
    #[must_use]
    pub fn sentinels(&self) -> &[RedisServer] {
        &self.sentinels
    }

    /// The master, as the first sentinel that answers sees it.
    ///
    /// # Panics
    /// If none answers.
    pub async fn master(&self) -> &RedisServer {
        let mut client = self.sentinel().await;
        let ask = format!("SENTINEL GET-MASTER-ADDR-BY-NAME {SERVICE}");
        let address = client.words(&ask).await;
        let port = address.array()[1].integer();
        self.servers
            .iter()
            .find(|server| i64::from(server.address().port()) == port)
            .expect("one of the servers")
    }

    /// Makes a replica the master without anything having failed, and waits until all others follow it. It takes about
    /// two seconds.
    ///
    /// # Panics
    /// If the sentinel refuses, or it does not come to that.
    pub async fn failover(&self) {
        let before = self.master().await.address();
        let mut client = self.sentinel().await;
        accepts(&mut client, &format!("SENTINEL FAILOVER {SERVICE}")).await;
        self.moved_from(before).await;
    }

    /// Waits until the master is another one than this, and all others follow it that can.
    ///
    /// # Panics
    /// If it does not come to that.
    pub async fn moved_from(&self, before: SocketAddr) {
        let mut client = self.sentinel().await;
        eventually(START, async || {
            let flags = field(&mut client, "flags").await;
            // Promoted is not enough: a sentinel in the middle of this does not notice when the new master dies.
            self.master().await.address() != before && !flags.text().contains("failover")
        })
        .await;
    }

    async fn sentinel(&self) -> Client {
        for sentinel in &self.sentinels {
            if let Some(client) = sentinel.responsive().await {
                return client;
            }
        }
        panic!("no sentinel answers")
    }

    async fn watch(&self, wanted: &SentinelBuilder) {
        let master = self.servers[0].peer_address();
        let quorum = wanted.sentinels / 2 + 1;
        let down_after = wanted.down_after.as_millis();
        for sentinel in &self.sentinels {
            let mut client = sentinel.client().await;
            let (ip, port) = (master.ip(), master.port());
            for command in [
                format!("SENTINEL MONITOR {SERVICE} {ip} {port} {quorum}"),
                format!("SENTINEL SET {SERVICE} down-after-milliseconds {down_after}"),
                // How soon a failover that failed is tried again.
                format!("SENTINEL SET {SERVICE} failover-timeout 2000"),
            ] {
                accepts(&mut client, &command).await;
            }
        }
        for sentinel in &self.sentinels {
            let mut client = sentinel.client().await;
            let (replicas, others) = (number(wanted.replicas), number(wanted.sentinels) - 1);
            eventually(START, async || {
                field(&mut client, "num-slaves").await.integer() == replicas
                    && field(&mut client, "num-other-sentinels").await.integer() == others
                    && links(&mut client).await == wanted.replicas
            })
            .await;
        }
    }
}

/// What a sentinel knows of the master.
async fn field(sentinel: &mut Client, name: &str) -> Reply {
    let known = sentinel.words(&format!("SENTINEL MASTER {SERVICE}")).await;
    let mut fields = known.array().iter().skip_while(|field| **field != name);
    fields
        .nth(1)
        .unwrap_or_else(|| panic!("no {name}: {known:?}"))
        .clone()
}

/// How many replicas a sentinel has seen to be in step with their master: others are not promoted.
async fn links(sentinel: &mut Client) -> usize {
    let replicas = sentinel
        .words(&format!("SENTINEL REPLICAS {SERVICE}"))
        .await;
    let in_step = |replica: &&Reply| {
        let mut fields = replica.array().windows(2);
        fields.any(|pair| pair[0] == "master-link-status" && pair[1] == "ok")
    };
    replicas.array().iter().filter(in_step).count()
}

fn number(count: usize) -> i64 {
    i64::try_from(count).expect("a handful")
}
