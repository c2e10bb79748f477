use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// Longer than a connection on loopback takes where somebody would accept it.
const A_WHILE: Duration = Duration::from_millis(200);

/// An address on 127.0.0.1 at which connecting neither succeeds nor fails, as at a host that is gone: a listener that
/// accepts nobody and whose queue is full.
#[derive(Debug)]
pub struct SilentListener {
    listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl SilentListener {
    /// Binds it and fills its queue.
    ///
    /// # Panics
    /// If no port can be bound, or the queue has no end.
    pub async fn start() -> Self {
        let listener = listen().unwrap_or_else(|error| panic!("a port on 127.0.0.1: {error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("the address of a listener: {error}"));
        let mut queue = Vec::new();
        while let Ok(connected) = timeout(A_WHILE, TcpStream::connect(address)).await {
            queue.push(connected.unwrap_or_else(|error| panic!("{address}: {error}")));
            assert!(
                queue.len() < 1000,
                "this system's queue of connections has no end"
            );
        }
        Self {
            listener,
            _queue: queue,
        }
    }

    /// Where nobody answers.
    ///
    /// # Panics
    /// If the system does not say.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener
            .local_addr()
            .unwrap_or_else(|error| panic!("the address of a listener: {error}"))
    }
}

fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    socket.listen(0)
}
