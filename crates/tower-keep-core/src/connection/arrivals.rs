use std::sync::atomic::{AtomicU64, Ordering};

use fred::{clients::Client, interfaces::EventInterface, types::config::Server};
use tokio::sync::broadcast;

/// The connections that the client library has made, against those that the supervisor knows of.
///
/// The library tells of a connection before it sends anything on it, but on a busy runtime the supervisor may run only
/// after replies have come. Until it has shut the gate, an operation is sent to a server that nobody has looked at yet.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// Nobody receives from it: its length is the number of connections made.
    made: broadcast::Receiver<Server>,
    seen: AtomicU64,
}

impl Arrivals {
    /// To be made before the client connects for the first time.
    pub(super) fn new(client: &Client) -> Self {
        Self {
            made: client.reconnect_rx(),
            seen: AtomicU64::new(0),
        }
    }

    pub(super) fn made(&self) -> u64 {
        self.made.len() as u64
    }

    /// The supervisor has drawn its conclusions from so many.
    pub(super) fn see(&self, made: u64) {
        self.seen.fetch_max(made, Ordering::AcqRel);
    }

    pub(super) fn all_seen(&self) -> bool {
        self.made() <= self.seen.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use fred::{
        interfaces::ClientLike,
        types::{
            Builder,
            config::{Config, ReconnectPolicy},
        },
    };
    use testkit::{RedisServer, eventually};
    use tokio::runtime::Handle;

    use crate::connection::{
        command::Command,
        core::Core,
        error::CommandError,
        health::Class,
        limits::Limits,
        ties::{Part, Ties},
    };

    const SOON: Duration = Duration::from_secs(20);

    /// Without its tasks: a supervisor that does not run is as good as none.
    fn unsupervised(server: &RedisServer) -> Arc<Core> {
        let client = Builder::from_config(Config::from_url(&server.url()).unwrap())
            .set_policy(ReconnectPolicy::new_constant(0, 1))
            .build()
            .unwrap();
        let ties = Ties::new(Limits::new(Default::default()));
        let name = "test".into();
        Arc::new(Core::new(
            client,
            Handle::current(),
            name,
            ties,
            Part::Whole,
        ))
    }

    fn open(core: &Core) {
        core.connected();
        for class in Class::ALL {
            core.restore(class, core.turn());
        }
    }

    async fn get(core: &Arc<Core>) -> Result<(), CommandError> {
        let client = core.client_with(SOON);
        let get = Command::read("GET").key("key".into());
        core.depart(&client, SOON, get)?.finish().await.map(drop)
    }

    #[tokio::test]
    async fn no_reply_counts_from_a_connection_that_the_supervisor_has_not_seen() {
        let server = RedisServer::start().await;
        let core = unsupervised(&server);
        let task = core.client.connect();
        eventually(SOON, async || core.arrivals.made() == 1).await;
        open(&core);
        assert_eq!(get(&core).await, Ok(()));

        // Another server at the same address: the library finds it by itself, and sends what comes.
        server.kill();
        server.restart().await;
        eventually(SOON, async || core.arrivals.made() > 1).await;
        assert!(core.gate(Class::Read).is_up(), "nobody has shut it");
        assert_eq!(get(&core).await, Err(CommandError::Interrupted));

        open(&core);
        assert_eq!(get(&core).await, Ok(()));
        task.abort();
    }
}
