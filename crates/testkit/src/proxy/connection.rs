use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::faults::{End, Faults, Insert, Insertion, Truncate, Way};

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepted: AtomicU64,
    pub(super) open: AtomicU64,
    pub(super) to_server: AtomicU64,
    pub(super) to_client: AtomicU64,
}

/// Counts a connection as open while it exists, however it ends.
struct Open(Arc<Counters>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Carries one connection from its beginning to its end.
pub(super) async fn carry(
    client: TcpStream,
    upstream: SocketAddr,
    faults: watch::Receiver<Faults>,
    counters: Arc<Counters>,
) {
    counters.open.fetch_add(1, Ordering::Relaxed);
    let open = Open(counters);
    let ends = faults.borrow().ends;
    let mut changes = faults.clone();
    let told = async move {
        match changes.wait_for(|faults| faults.ends > ends).await {
            Ok(faults) => faults.end,
            Err(_) => End::Cut,
        }
    };
    tokio::pin!(told);
    if faults.borrow().is_black_hole() {
        let mut client = client;
        let end = tokio::select! {
            end = swallow(&mut client) => end,
            end = &mut told => end,
        };
        return finish(client, end).await;
    }
    let Ok(mut server) = TcpStream::connect(upstream).await else {
        return reset(client);
    };
    let mut client = client;
    // Small messages, each waiting for its answer: Nagle's algorithm would be a fault of its own.
    let _ = client
        .set_nodelay(true)
        .and_then(|()| server.set_nodelay(true));
    let end = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let up = pump(
            from_client,
            to_server,
            &faults,
            |faults| faults.to_server.clone(),
            &open.0.to_server,
        );
        let down = pump(
            from_server,
            to_client,
            &faults,
            |faults| faults.to_client.clone(),
            &open.0.to_client,
        );
        tokio::select! {
            both = async { tokio::try_join!(up, down) } => both.err().unwrap_or(End::Cut),
            end = &mut told => end,
        }
    };
    tokio::join!(finish(client, end), finish(server, end));
}

async fn finish(mut stream: TcpStream, end: End) {
    match end {
        End::Cut => {
            let _ = stream.shutdown().await;
        }
        End::Reset => reset(stream),
    }
}

/// With a linger time of zero, closing a socket sends RST instead of FIN: socket(7).
pub(super) fn reset(stream: TcpStream) {
    let _ = stream.set_zero_linger();
    drop(stream);
}

async fn swallow(stream: &mut TcpStream) -> End {
    let mut buffer = [0; 4096];
    while stream
        .read(&mut buffer)
        .await
        .is_ok_and(|length| length > 0)
    {}
    End::Cut
}

/// One direction. `Ok` when the sender has said all, and the receiver knows.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    faults: &watch::Receiver<Faults>,
    way: impl Fn(&Faults) -> Way,
    passed: &AtomicU64,
) -> Result<(), End> {
    // Between the two halves, chunks that are on their way. Large enough for a delay not to become a throttle.
    let (sender, mut chunks) = mpsc::channel::<(Instant, Vec<u8>)>(1024);
    let taking = async {
        let mut buffer = vec![0; 16 * 1024];
        let mut budget = Budget::default();
        let mut inserted = None;
        let mut silent = false;
        loop {
            let length = from.read(&mut buffer).await.map_err(reset_by)?;
            if length == 0 {
                drop(sender);
                return Ok(());
            }
            let way = way(&faults.borrow());
            silent |= way.black_hole;
            if silent {
                continue;
            }
            let (allowed, last) = budget.spend(way.truncate, length);
            let bytes = with_insertion(&way, &mut inserted, &buffer[..allowed]);
            let chunk = (Instant::now() + way.delay, bytes);
            if sender.send(chunk).await.is_err() || last {
                drop(sender);
                return Err(way.truncate.map_or(End::Cut, |truncate| truncate.end));
            }
        }
    };
    let giving = async {
        while let Some((due, chunk)) = chunks.recv().await {
            sleep_until(due).await;
            to.write_all(&chunk).await.map_err(reset_by)?;
            passed.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
        Ok::<(), End>(())
    };
    // Both to their end: what was taken before a cut is still given.
    let (taken, given) = tokio::join!(taking, giving);
    given?;
    taken?;
    to.shutdown().await.map_err(reset_by)
}

/// What is passed on for `chunk`; `done` is the insertion that the connection had last.
fn with_insertion(way: &Way, done: &mut Option<u64>, chunk: &[u8]) -> Vec<u8> {
    match &way.insert {
        Some(Insert { number, what }) if *done != Some(*number) => {
            *done = Some(*number);
            match what {
                Insertion::Garbage(bytes) => [bytes, chunk].concat(),
                Insertion::Repeat => chunk.repeat(2),
            }
        }
        _ => chunk.to_vec(),
    }
}

/// A side that broke the connection is answered for by breaking the other one.
fn reset_by(_: io::Error) -> End {
    End::Reset
}

/// How much of a connection may still pass.
#[derive(Debug, Default)]
struct Budget {
    current: Option<Truncate>,
    left: u64,
}

impl Budget {
    /// How many of `length` bytes may pass, and whether they are the last ones.
    fn spend(&mut self, truncate: Option<Truncate>, length: usize) -> (usize, bool) {
        let Some(truncate) = truncate else {
            return (length, false);
        };
        if self.current != Some(truncate) {
            self.current = Some(truncate);
            self.left = truncate.bytes;
        }
        let allowed = usize::try_from(self.left).unwrap_or(usize::MAX).min(length);
        self.left -= allowed as u64;
        (allowed, self.left == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends_at_its_byte_and_begins_anew_when_said_again() {
        let truncate = |number| {
            Some(Truncate {
                number,
                bytes: 5,
                end: End::Cut,
            })
        };
        let mut budget = Budget::default();
        assert_eq!(budget.spend(None, 100), (100, false));
        assert_eq!(budget.spend(truncate(0), 3), (3, false));
        assert_eq!(budget.spend(truncate(0), 3), (2, true));
        assert_eq!(budget.spend(truncate(1), 5), (5, true));
    }
}
