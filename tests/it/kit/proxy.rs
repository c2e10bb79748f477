use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use testkit::eventually;
use testkit::proxy::{Direction, FaultProxy, SilentListener};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

const SOON: Duration = Duration::from_secs(10);
const A_WHILE: Duration = Duration::from_millis(100);

/// Says back whatever it hears, and closes when the client does.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            });
        }
    });
    address
}

async fn proxied() -> (FaultProxy, TcpStream) {
    let proxy = FaultProxy::start(echo().await).await;
    let client = connect(&proxy).await;
    (proxy, client)
}

async fn connect(proxy: &FaultProxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

async fn say(client: &mut TcpStream, text: &str) -> String {
    client.write_all(text.as_bytes()).await.unwrap();
    hear(client, text.len()).await
}

async fn hear(client: &mut TcpStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    timeout(SOON, client.read_exact(&mut bytes))
        .await
        .unwrap()
        .unwrap();
    String::from_utf8(bytes).unwrap()
}

async fn is_silent(client: &mut TcpStream) -> bool {
    timeout(A_WHILE, client.read_u8()).await.is_err()
}

async fn end_of(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut rest = Vec::new();
    timeout(SOON, client.read_to_end(&mut rest))
        .await
        .unwrap()
        .map(|_| rest)
}

#[tokio::test]
async fn without_a_fault_all_passes_and_is_counted() {
    let (proxy, mut client) = proxied().await;
    assert_eq!(say(&mut client, "hello").await, "hello");
    assert_eq!((proxy.accepted(), proxy.open()), (1, 1));
    assert_eq!(
        (
            proxy.bytes(Direction::ToServer),
            proxy.bytes(Direction::Both)
        ),
        (5, 10)
    );
    let big = "x".repeat(1 << 20);
    let (mut reader, mut writer) = client.split();
    let writing = async {
        writer.write_all(big.as_bytes()).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let mut back = Vec::new();
    let (_, read) = tokio::join!(writing, timeout(SOON, reader.read_to_end(&mut back)));
    // The client had closed its half: the other one stayed open until all was said.
    assert_eq!(read.unwrap().unwrap(), big.len());
    eventually(SOON, async || proxy.open() == 0).await;
}

#[tokio::test]
async fn a_delay_is_a_long_line_and_no_throttle() {
    let (proxy, mut client) = proxied().await;
    let delay = Duration::from_millis(400);
    proxy.delay(Direction::ToClient, delay);
    let start = Instant::now();
    for sent in 1..=50 {
        client.write_all(b"x").await.unwrap();
        eventually(SOON, async || proxy.bytes(Direction::ToServer) == sent).await;
    }
    // Fifty delays one after the other would take longer than anybody here waits.
    assert_eq!(hear(&mut client, 50).await.len(), 50);
    assert!(start.elapsed() >= delay);
    proxy.heal();
    assert_eq!(say(&mut client, "healed").await, "healed");
}

#[tokio::test]
async fn a_cut_is_an_end_and_a_reset_an_error_and_the_next_connection_works() {
    let (proxy, mut client) = proxied().await;
    say(&mut client, "hello").await;
    proxy.cut();
    assert!(end_of(&mut client).await.unwrap().is_empty());
    let mut client = connect(&proxy).await;
    say(&mut client, "hello").await;
    proxy.reset();
    assert_eq!(
        end_of(&mut client).await.unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    let mut client = connect(&proxy).await;
    assert_eq!(say(&mut client, "hello").await, "hello");
    eventually(SOON, async || proxy.open() == 1).await;
    assert_eq!(proxy.accepted(), 3);
}

#[tokio::test]
async fn a_black_hole_swallows_and_what_has_lost_bytes_stays_silent() {
    let (proxy, mut client) = proxied().await;
    say(&mut client, "hello").await;
    let mut idle = connect(&proxy).await;
    say(&mut idle, "hello").await;
    proxy.black_hole(Direction::Both);
    client.write_all(b"lost").await.unwrap();
    let mut unheard = connect(&proxy).await;
    unheard.write_all(b"lost").await.unwrap();
    assert!(is_silent(&mut client).await && is_silent(&mut unheard).await);
    proxy.heal();
    client.write_all(b"late").await.unwrap();
    unheard.write_all(b"late").await.unwrap();
    assert!(is_silent(&mut client).await && is_silent(&mut unheard).await);
    assert_eq!(say(&mut idle, "nothing lost").await, "nothing lost");
    assert_eq!(say(&mut connect(&proxy).await, "new").await, "new");
    proxy.cut();
    assert!(end_of(&mut unheard).await.unwrap().is_empty());
}

#[tokio::test]
async fn one_direction_alone_can_be_lost() {
    let (proxy, mut client) = proxied().await;
    proxy.black_hole(Direction::ToClient);
    client.write_all(b"heard").await.unwrap();
    eventually(SOON, async || proxy.bytes(Direction::ToServer) == 5).await;
    assert!(is_silent(&mut client).await);
    assert_eq!(proxy.bytes(Direction::ToClient), 0);
}

#[tokio::test]
async fn a_truncated_connection_ends_at_the_byte_and_so_does_the_next() {
    let (proxy, mut client) = proxied().await;
    say(&mut client, "hello").await;
    proxy.truncate(Direction::ToClient, 3);
    client.write_all(b"hello").await.unwrap();
    assert_eq!(end_of(&mut client).await.unwrap(), b"hel");
    let mut client = connect(&proxy).await;
    client.write_all(b"again").await.unwrap();
    assert_eq!(end_of(&mut client).await.unwrap(), b"aga");
    proxy.heal();
    assert_eq!(say(&mut connect(&proxy).await, "whole").await, "whole");
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_reset() {
    let (proxy, mut client) = proxied().await;
    say(&mut client, "hello").await;
    proxy.break_off(Direction::ToClient, 3);
    client.write_all(b"hello").await.unwrap();
    let error = end_of(&mut client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(proxy.bytes(Direction::ToClient), 8);
}

#[tokio::test]
async fn garbage_comes_once_before_what_is_said_next() {
    let (proxy, mut client) = proxied().await;
    proxy.garbage(Direction::ToClient, b"!!");
    client.write_all(b"hello").await.unwrap();
    assert_eq!(hear(&mut client, 7).await, "!!hello");
    assert_eq!(say(&mut client, "hello").await, "hello");
    let mut other = connect(&proxy).await;
    other.write_all(b"hello").await.unwrap();
    assert_eq!(hear(&mut other, 7).await, "!!hello");
    proxy.heal();
    assert_eq!(say(&mut connect(&proxy).await, "clean").await, "clean");
}

#[tokio::test]
async fn what_is_repeated_is_said_twice_and_then_no_more() {
    let (proxy, mut client) = proxied().await;
    for _ in 0..2 {
        proxy.repeat(Direction::ToClient);
        client.write_all(b"hello").await.unwrap();
        assert_eq!(hear(&mut client, 10).await, "hellohello");
        assert_eq!(say(&mut client, "again").await, "again");
    }
}

#[tokio::test]
async fn refused_connections_are_reset_and_others_go_on() {
    let (proxy, mut client) = proxied().await;
    say(&mut client, "hello").await;
    proxy.refuse();
    let mut refused = connect(&proxy).await;
    assert!(end_of(&mut refused).await.is_err());
    assert_eq!(say(&mut client, "still here").await, "still here");
    proxy.heal();
    assert_eq!(say(&mut connect(&proxy).await, "back").await, "back");
}

#[tokio::test]
async fn without_a_server_behind_it_a_connection_is_broken() {
    let nobody = testkit::port::free();
    let proxy = FaultProxy::start(SocketAddr::from(([127, 0, 0, 1], nobody))).await;
    assert!(end_of(&mut connect(&proxy).await).await.is_err());
}

#[tokio::test]
async fn a_dropped_proxy_ends_its_connections() {
    let (proxy, mut client) = proxied().await;
    say(&mut client, "hello").await;
    let address = proxy.address();
    drop(proxy);
    let _ = end_of(&mut client).await;
    eventually(SOON, async || TcpStream::connect(address).await.is_err()).await;
}

#[tokio::test]
async fn nobody_answers_at_a_silent_listener() {
    let silent = SilentListener::start().await;
    assert!(
        timeout(A_WHILE, TcpStream::connect(silent.address()))
            .await
            .is_err()
    );
}
