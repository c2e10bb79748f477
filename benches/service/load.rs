//! Requests, as many as the service answers.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Failure;

/// One page that is asked for again and again.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    address: SocketAddr,
    path: String,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ran {
    pub(crate) requests: u32,
    pub(crate) time: Duration,
}

impl Load {
    pub(crate) fn new(address: SocketAddr, path: &str) -> Self {
        Self {
            address,
            path: path.to_owned(),
        }
    }

    /// As often as it can be answered in this time, on so many connections.
    pub(crate) async fn run(&self, connections: usize, time: Duration) -> Result<Ran, Failure> {
        let mut visitors = JoinSet::new();
        let start = Instant::now();
        for _ in 0..connections {
            let load = self.clone();
            visitors.spawn(async move {
                let mut connection = Connection::open(load.address).await?;
                let request = load.request("");
                let mut requests = 0;
                while start.elapsed() < time {
                    connection.ask(&request).await?;
                    requests += 1;
                }
                Ok::<u32, io::Error>(requests)
            });
        }
        let mut requests = 0;
        while let Some(visited) = visitors.join_next().await {
            requests += visited??;
        }
        Ok(Ran {
            requests,
            time: start.elapsed(),
        })
    }

    /// So many times, one after the other, with something added to the path.
    pub(crate) async fn times(
        &self,
        times: u32,
        added: impl Fn(u32) -> String,
    ) -> Result<(), Failure> {
        let mut connection = Connection::open(self.address).await?;
        for number in 0..times {
            connection.ask(&self.request(&added(number))).await?;
        }
        Ok(())
    }

    fn request(&self, added: &str) -> Vec<u8> {
        format!(
            "GET {}{added} HTTP/1.1\r\nhost: {}\r\n\r\n",
            self.path, self.address
        )
        .into_bytes()
    }
}

/// Reads as much of an answer as it takes to find its end.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; 128 * 1024],
        })
    }

    async fn ask(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let (head, body) = loop {
            filled += self.read(filled).await?;
            if let Some(end) = find(&self.buffer[..filled], b"\r\n\r\n") {
                break (end + 4, content_length(&self.buffer[..end])?);
            }
        };
        let mut left = (head + body).saturating_sub(filled);
        while left > 0 {
            left = left.saturating_sub(self.read(0).await?);
        }
        Ok(())
    }

    async fn read(&mut self, from: usize) -> io::Result<usize> {
        match self.stream.read(&mut self.buffer[from..]).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }
}

fn content_length(head: &[u8]) -> io::Result<usize> {
    let head = std::str::from_utf8(head).map_err(|_| io::ErrorKind::InvalidData)?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(io::Error::other(format!("unexpected answer: {head}")));
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    length.ok_or_else(|| io::Error::other(format!("no content-length: {head}")))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len())
        .position(|window| window == wanted)
}
