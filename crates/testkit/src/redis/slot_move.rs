use super::RedisServer;
use super::cluster::accepts;

/// A hash slot on its way from one master to another.
#[derive(Debug)]
#[must_use = "the slot stays between two nodes until the move is finished"]
pub struct SlotMove<'a> {
    nodes: &'a [RedisServer],
    slot: u16,
    from: &'a RedisServer,
    to: &'a RedisServer,
}

impl<'a> SlotMove<'a> {
    pub(super) async fn start(
        nodes: &'a [RedisServer],
        slot: u16,
        from: &'a RedisServer,
        to: &'a RedisServer,
    ) -> Self {
        let moving = Self {
            nodes,
            slot,
            from,
            to,
        };
        let (source, target) = (id(from).await, id(to).await);
        moving.set(to, &format!("IMPORTING {source}")).await;
        moving.set(from, &format!("MIGRATING {target}")).await;
        moving
    }

    /// Moves the keys that are there now, one by one.
    ///
    /// # Panics
    /// If a node refuses.
    pub async fn keys(&mut self) {
        let mut client = self.from.client().await;
        let to = self.to.address();
        loop {
            let list = format!("CLUSTER GETKEYSINSLOT {} 100", self.slot);
            let keys = client.words(&list).await;
            if keys.array().is_empty() {
                return;
            }
            for key in keys.array() {
                let migrate = format!("MIGRATE {} {} {} 0 5000", to.ip(), to.port(), key.text());
                accepts(&mut client, &migrate).await;
            }
        }
    }

    /// Gives the slot to its new owner. Keys that were not moved are lost.
    ///
    /// # Panics
    /// If a node refuses.
    pub async fn finish(self) {
        let owner = format!("NODE {}", id(self.to).await);
        // The new owner first: who asks meanwhile is sent to and fro, and never nowhere.
        self.set(self.to, &owner).await;
        self.set(self.from, &owner).await;
        for node in self.nodes {
            if node.address() == self.to.address() || node.address() == self.from.address() {
                continue;
            }
            // Who cannot be told now will hear it from the others.
            let Some(mut client) = node.responsive().await else {
                continue;
            };
            if client.words("ROLE").await.array()[0] == "master" {
                self.set(node, &owner).await;
            }
        }
    }

    async fn set(&self, node: &RedisServer, what: &str) {
        let mut client = node.client().await;
        accepts(
            &mut client,
            &format!("CLUSTER SETSLOT {} {what}", self.slot),
        )
        .await;
    }
}

async fn id(node: &RedisServer) -> String {
    let reply = node.client().await.words("CLUSTER MYID").await;
    reply.text().to_owned()
}
