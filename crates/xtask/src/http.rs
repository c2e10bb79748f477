//! As much of an HTTP/1.1 client as talking to our own example takes: one request at a time on a connection that is
//! kept open.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The example answers in milliseconds; whoever takes this long hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to the service under test.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

/// An answer, read whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = limited(TcpStream::connect(address)).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
            host: address.to_string(),
        })
    }

    pub(crate) async fn get(&mut self, path: &str) -> io::Result<Response> {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n",
            self.host
        ))
        .await
    }

    pub(crate) async fn put(&mut self, path: &str, json: &str) -> io::Result<Response> {
        let length = json.len();
        self.send(&format!(
            "PUT {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{json}",
            self.host
        ))
        .await
    }

    async fn send(&mut self, request: &str) -> io::Result<Response> {
        limited(async {
            self.stream.get_mut().write_all(request.as_bytes()).await?;
            self.receive().await
        })
        .await
    }

    async fn receive(&mut self) -> io::Result<Response> {
        let mut response = Response {
            status: status(&self.line().await?)?,
            ..Response::default()
        };
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| malformed(&line))?;
            response
                .headers
                .push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if response.header("transfer-encoding") == Some("chunked") {
            self.chunks(&mut response.body).await?;
        } else if let Some(length) = response.header("content-length") {
            let length = length.parse().map_err(|_| malformed(length))?;
            self.append(&mut response.body, length).await?;
        }
        Ok(response)
    }

    async fn chunks(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| malformed(&line))?;
            self.append(body, size).await?;
            // The end of the chunk, or of the (never sent) trailers.
            self.line().await?;
            if size == 0 {
                return Ok(());
            }
        }
    }

    async fn append(&mut self, body: &mut Vec<u8>, length: usize) -> io::Result<()> {
        let start = body.len();
        body.resize(start + length, 0);
        self.stream.read_exact(&mut body[start..]).await.map(drop)
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.trim_end_matches(['\r', '\n']).len());
        Ok(line)
    }
}

impl Response {
    /// The first header of that name, which is given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text, whatever it is.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether a cache answered: RFC 9211's parameter `hit`.
    pub(crate) fn is_hit(&self) -> bool {
        self.header("cache-status")
            .is_some_and(|status| status.split(';').any(|parameter| parameter.trim() == "hit"))
    }
}

impl fmt::Display for Response {
    /// What a person needs of it to see what went wrong.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cache = self.header("cache-status").unwrap_or("none");
        write!(f, "{} (Cache-Status: {cache}) {}", self.status, self.text())
    }
}

fn status(line: &str) -> io::Result<u16> {
    line.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| malformed(line))
}

fn malformed(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not HTTP: {text}"))
}

async fn limited<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn answering(answers: &'static [u8]) -> Connection {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(answers).await.unwrap();
            // Kept open, as a service would.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
        Connection::open(address).await.unwrap()
    }

    #[tokio::test]
    async fn a_connection_is_good_for_one_answer_after_the_other() {
        let mut connection = answering(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCache-Status: keep; hit; ttl=5\r\n\r\nhi\
              HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n\
              HTTP/1.1 204 No Content\r\n\r\n",
        )
        .await;
        let first = connection.get("/").await.unwrap();
        assert_eq!(
            (first.status, first.text().as_str(), first.is_hit()),
            (200, "hi", true)
        );
        let second = connection.put("/", "{}").await.unwrap();
        assert_eq!(
            (second.status, second.text().as_str(), second.is_hit()),
            (404, "abcde", false)
        );
        assert_eq!(connection.get("/").await.unwrap().status, 204);
    }

    #[tokio::test]
    async fn what_is_not_http_is_an_error() {
        let mut connection = answering(b"+PONG\r\n").await;
        assert_eq!(
            connection.get("/").await.unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }
}
