use std::fmt;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::Reply;
use super::target::{Place, Target};

/// Longer than any command of a test takes on a server that answers.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
pub struct Client {
    stream: BufReader<Box<dyn Stream>>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

impl Client {
    /// Connects, and says the password and the database that the URL has.
    ///
    /// # Errors
    /// If the URL is none of the tests' forms, nobody listens, or the server refuses.
    pub async fn connect(url: &str) -> io::Result<Self> {
        let target = Target::read(url).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("not a Redis URL: {url}"),
            )
        })?;
        let stream: Box<dyn Stream> = match target.place {
            Place::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            Place::Unix(path) => Box::new(UnixStream::connect(path).await?),
        };
        let mut client = Self {
            stream: BufReader::new(stream),
        };
        if let Some(password) = target.password {
            client.greet(&[b"AUTH", password.as_bytes()]).await?;
        }
        if let Some(database) = target.database {
            client.greet(&[b"SELECT", database.as_bytes()]).await?;
        }
        Ok(client)
    }

    async fn greet(&mut self, command: &[&[u8]]) -> io::Result<()> {
        match self.try_command(command).await? {
            Reply::Error(text) => Err(io::Error::other(text)),
            _ => Ok(()),
        }
    }

    /// Sends one command and waits for its reply; a server's error is a reply too.
    ///
    /// # Panics
    /// If the connection fails, or no reply comes within 20 s.
    pub async fn command(&mut self, arguments: &[&[u8]]) -> Reply {
        let reply = timeout(PATIENCE, self.try_command(arguments)).await;
        match reply {
            Ok(Ok(reply)) => reply,
            Ok(Err(error)) => panic!("{}: {error}", shown(arguments)),
            Err(_) => panic!("{}: no reply within {PATIENCE:?}", shown(arguments)),
        }
    }

    /// [`command`](Self::command) for arguments without blanks: `client.words("SET key value PX 100").await`.
    ///
    /// # Panics
    /// As [`command`](Self::command).
    pub async fn words(&mut self, line: &str) -> Reply {
        let arguments: Vec<&[u8]> = line.split_whitespace().map(str::as_bytes).collect();
        self.command(&arguments).await
    }

    /// [`command`](Self::command) where failure is expected. Waits for ever: put a timeout around it.
    ///
    /// # Errors
    /// If the connection fails or what comes is not RESP2. The client is of no use then.
    pub async fn try_command(&mut self, arguments: &[&[u8]]) -> io::Result<Reply> {
        self.send(arguments).await?;
        self.receive().await
    }

    /// Sends one command and does not wait: for pipelines, and for commands that block.
    ///
    /// # Errors
    /// If the connection fails.
    pub async fn send(&mut self, arguments: &[&[u8]]) -> io::Result<()> {
        let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
        for argument in arguments {
            bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            bytes.extend_from_slice(argument);
            bytes.extend_from_slice(b"\r\n");
        }
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await
    }

    /// The next reply: to a command that was [sent](Self::send), or a line of MONITOR or SUBSCRIBE.
    ///
    /// # Errors
    /// If the connection fails or what comes is not RESP2.
    pub async fn receive(&mut self) -> io::Result<Reply> {
        Reply::read(&mut self.stream).await
    }
}

fn shown(arguments: &[&[u8]]) -> String {
    let words: Vec<_> = arguments
        .iter()
        .map(|argument| String::from_utf8_lossy(argument))
        .collect();
    words.join(" ")
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
