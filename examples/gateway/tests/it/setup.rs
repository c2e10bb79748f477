//! A gateway that runs, an upstream that does what a test wants, and a client that shows all it gets.

use std::ffi::OsString;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use testkit::eventually;
use testkit::process::{Launch, Running, Sandbox};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) const SOON: Duration = Duration::from_secs(20);

const LOG: &str = "gateway.log";

pub(crate) struct Gateway {
    sandbox: Sandbox,
    pub(crate) process: Running,
    pub(crate) address: SocketAddr,
}

impl Gateway {
    /// In front of `upstream`, without a cache.
    pub(crate) async fn plain(upstream: SocketAddr) -> Self {
        Self::start(upstream, &["--cache", "off"]).await
    }

    pub(crate) async fn start(upstream: SocketAddr, settings: &[&str]) -> Self {
        let upstream = format!("http://{upstream}");
        let address = ["--listen", "127.0.0.1:0", "--upstream", &upstream];
        let (sandbox, process) = launch(&[&address[..], settings].concat());
        let mut serving = None;
        eventually(SOON, async || {
            serving = sandbox.tail(LOG).lines().find_map(address_in);
            serving.is_some()
        })
        .await;
        let address = serving.expect("it was just found");
        Self {
            sandbox,
            process,
            address,
        }
    }

    pub(crate) fn log(&self) -> String {
        self.sandbox.tail(LOG)
    }

    pub(crate) async fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address).await.unwrap();
        Connection {
            stream,
            seen: Vec::new(),
        }
    }

    /// Sends one request on a connection of its own, and gives all that comes back until its end.
    pub(crate) async fn ask(&self, request: &str) -> Answer {
        let mut connection = self.connect().await;
        connection.write(request.as_bytes()).await;
        connection.answer().await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(&format!(
            "GET {path} HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n"
        ))
        .await
    }
}

/// The gateway with these arguments, whatever they do to it.
pub(crate) fn launch(arguments: &[&str]) -> (Sandbox, Running) {
    let sandbox = Sandbox::new(None).unwrap();
    let process = sandbox
        .launch(&Launch {
            program: PathBuf::from(env!("CARGO_BIN_EXE_gateway")),
            args: arguments.iter().map(OsString::from).collect(),
            log: LOG,
        })
        .unwrap();
    (sandbox, process)
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, address) = line.split_once("serving address=")?;
    address.trim().parse().ok()
}

/// One end of a connection on which HTTP is spoken by hand.
pub(crate) struct Connection {
    stream: TcpStream,
    seen: Vec<u8>,
}

impl Connection {
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Reads until `end` has come, and gives what came up to it.
    pub(crate) async fn read_to(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = find(&self.seen, end.as_bytes()) {
                let rest = self.seen.split_off(at + end.len());
                let read = std::mem::replace(&mut self.seen, rest);
                return lossless(&read);
            }
            let read = tokio::time::timeout(SOON, self.stream.read_buf(&mut self.seen)).await;
            let so_far = lossless(&self.seen);
            assert_ne!(
                read.expect("more in time").unwrap(),
                0,
                "ended before {end:?}: {so_far}"
            );
        }
    }

    /// Everything until the other end closes.
    pub(crate) async fn answer(mut self) -> Answer {
        let read = tokio::time::timeout(SOON, self.stream.read_to_end(&mut self.seen)).await;
        read.expect("an end in time").unwrap();
        Answer(lossless(&self.seen))
    }
}

/// Bytes as characters, one for one, so that nothing that is not UTF-8 gets lost.
fn lossless(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

/// All bytes of an answer.
#[derive(Debug)]
pub(crate) struct Answer(pub(crate) String);

impl Answer {
    pub(crate) fn status(&self) -> &str {
        self.0.get(9..12).unwrap_or("none")
    }

    pub(crate) fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        field(&self.0, name)
    }
}

/// The first field of that name in a head.
pub(crate) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let (head, _) = head.split_once("\r\n\r\n").unwrap_or((head, ""));
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// An upstream that treats each connection as a test says. It ends with its handle.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Upstream {
    pub(crate) async fn serve<F>(treat: impl Fn(Connection) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(treat(Connection {
                    stream,
                    seen: Vec::new(),
                }));
            }
        });
        Self { address, accepting }
    }

    /// Answers every head of a request with these bytes, and closes.
    pub(crate) async fn answering(
        answer: impl Fn(&str) -> Vec<u8> + Clone + Send + 'static,
    ) -> Self {
        Self::serve(move |mut connection| {
            let answer = answer.clone();
            async move {
                let head = connection.read_to("\r\n\r\n").await;
                connection.write(&answer(&head)).await;
            }
        })
        .await
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
