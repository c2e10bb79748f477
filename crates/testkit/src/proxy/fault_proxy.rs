use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::Direction;
use super::connection::{Counters, carry, reset};
use super::faults::{End, Faults, Insert, Insertion, Truncate};

/// A TCP proxy, on a free port of 127.0.0.1 as a rule, that does to connections what networks do. Without a fault it passes on
/// every byte at once.
///
/// A fault holds for the connections that exist and for those to come, until [`heal`](Self::heal). [`cut`](Self::cut)
/// and [`reset`](Self::reset) are events, for the connections that exist. All connections end when the proxy is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    faults: watch::Sender<Faults>,
    counters: Arc<Counters>,
    /// How often something was said that each connection does once.
    said: AtomicU64,
    accepting: JoinHandle<()>,
}

impl FaultProxy {
    /// A proxy in front of `upstream`.
    ///
    /// # Panics
    /// If no port can be bound.
    pub async fn start(upstream: SocketAddr) -> Self {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), upstream).await
    }

    /// A proxy at an address of its own, such as another one of 127.0.0.0/8 with a port that is known already.
    ///
    /// # Panics
    /// If it cannot be bound.
    pub async fn start_at(address: SocketAddr, upstream: SocketAddr) -> Self {
        let bound = TcpListener::bind(address).await;
        let listener = bound.unwrap_or_else(|error| panic!("{address}: {error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("the address of a listener: {error}"));
        let faults = watch::Sender::new(Faults::default());
        let counters = Arc::default();
        let accepting = tokio::spawn(accept(
            listener,
            upstream,
            faults.clone(),
            Arc::clone(&counters),
        ));
        Self {
            address,
            faults,
            counters,
            said: AtomicU64::new(0),
            accepting,
        }
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every byte arrives this much later; as on a long line, bytes that follow are not held up by those before them.
    pub fn delay(&self, direction: Direction, delay: Duration) {
        self.change(|faults| faults.each(direction, |way| way.delay = delay));
    }

    /// Bytes are taken and lost. A connection that has lost some stays silent after [`heal`](Self::heal) too, because
    /// what would follow makes no sense. New connections are accepted; if both directions are lost, the server does not
    /// hear of them.
    pub fn black_hole(&self, direction: Direction) {
        self.change(|faults| faults.each(direction, |way| way.black_hole = true));
    }

    /// Each connection passes on `bytes` more in this direction and is then closed, in the middle of whatever that is.
    pub fn truncate(&self, direction: Direction, bytes: u64) {
        self.end_after(direction, bytes, End::Cut);
    }

    /// As [`truncate`](Self::truncate), and the connection is broken (RST) instead of closed.
    pub fn break_off(&self, direction: Direction, bytes: u64) {
        self.end_after(direction, bytes, End::Reset);
    }

    /// Each connection passes on `bytes`, which nobody has sent, once in this direction: before the next that is sent.
    pub fn garbage(&self, direction: Direction, bytes: &[u8]) {
        self.insert(direction, Insertion::Garbage(bytes.into()));
    }

    /// Each connection passes on once in this direction twice what is sent next: all that arrives together, such as one
    /// reply where nothing else is in flight.
    pub fn repeat(&self, direction: Direction) {
        self.insert(direction, Insertion::Repeat);
    }

    /// New connections are reset as soon as they are made.
    pub fn refuse(&self) {
        self.change(|faults| faults.refuse = true);
    }

    /// Closes all connections, in order (FIN).
    pub fn cut(&self) {
        self.end(End::Cut);
    }

    /// Breaks all connections (RST).
    pub fn reset(&self) {
        self.end(End::Reset);
    }

    /// Nothing is wrong any more.
    pub fn heal(&self) {
        self.change(|faults| {
            *faults = Faults {
                end: faults.end,
                ends: faults.ends,
                ..Faults::default()
            }
        });
    }

    /// How many connections clients have made so far.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.counters.accepted.load(Ordering::Relaxed)
    }

    /// How many of them are open.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.counters.open.load(Ordering::Relaxed)
    }

    /// How many bytes were passed on so far: those lost in a black hole do not count.
    #[must_use]
    pub fn bytes(&self, direction: Direction) -> u64 {
        let to_server = self.counters.to_server.load(Ordering::Relaxed);
        let to_client = self.counters.to_client.load(Ordering::Relaxed);
        match direction {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
            Direction::Both => to_server + to_client,
        }
    }

    fn end_after(&self, direction: Direction, bytes: u64, end: End) {
        let number = self.said.fetch_add(1, Ordering::Relaxed);
        let truncate = Some(Truncate { number, bytes, end });
        self.change(|faults| faults.each(direction, |way| way.truncate = truncate));
    }

    fn insert(&self, direction: Direction, what: Insertion) {
        let number = self.said.fetch_add(1, Ordering::Relaxed);
        let insert = Some(Insert { number, what });
        self.change(|faults| faults.each(direction, |way| way.insert.clone_from(&insert)));
    }

    fn end(&self, end: End) {
        self.change(|faults| {
            faults.end = end;
            faults.ends += 1;
        });
    }

    fn change(&self, change: impl FnOnce(&mut Faults)) {
        self.faults.send_modify(change);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // The connections are tasks of this task.
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    upstream: SocketAddr,
    faults: watch::Sender<Faults>,
    counters: Arc<Counters>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted: io::Result<_> = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        // The client may be gone already: that is no reason to stop.
        let Ok((client, _)) = accepted else { continue };
        counters.accepted.fetch_add(1, Ordering::Relaxed);
        if faults.borrow().refuse {
            reset(client);
            continue;
        }
        connections.spawn(carry(
            client,
            upstream,
            faults.subscribe(),
            Arc::clone(&counters),
        ));
    }
}
