//! What clients get when the upstream breaks.

use std::future::pending;

use tokio::net::TcpListener;

use crate::setup::{Gateway, SOON, Upstream};

#[tokio::test]
async fn an_upstream_that_is_not_there_is_a_bad_gateway() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let gateway = Gateway::plain(address).await;
    assert_eq!(gateway.get("/").await.status(), "502");
    assert!(gateway.log().contains("no answer from the upstream"));
}

#[tokio::test]
async fn an_upstream_that_closes_before_its_head_is_a_bad_gateway() {
    let upstream = Upstream::serve(|mut connection| async move {
        connection.read_to("\r\n\r\n").await;
    })
    .await;
    let gateway = Gateway::plain(upstream.address).await;
    assert_eq!(gateway.get("/").await.status(), "502");
}

#[tokio::test]
async fn what_is_not_http_is_a_bad_gateway() {
    let upstream = Upstream::answering(|_| b"220 mail.example ESMTP\r\n\r\n".to_vec()).await;
    let gateway = Gateway::plain(upstream.address).await;
    assert_eq!(gateway.get("/").await.status(), "502");
}

#[tokio::test]
async fn an_upstream_that_says_nothing_is_a_gateway_timeout() {
    let upstream = Upstream::serve(|mut connection| async move {
        connection.read_to("\r\n\r\n").await;
        pending::<()>().await;
    })
    .await;
    let settings = ["--cache", "off", "--upstream-timeout", "200ms"];
    let gateway = Gateway::start(upstream.address, &settings).await;
    assert_eq!(gateway.get("/").await.status(), "504");
}

#[tokio::test]
async fn the_upstreams_own_refusal_passes_as_it_is() {
    let upstream = Upstream::answering(|_| {
        b"HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\nbusy".to_vec()
    })
    .await;
    let gateway = Gateway::plain(upstream.address).await;
    let answer = gateway.get("/").await;
    assert_eq!(answer.status(), "503");
    assert_eq!(answer.field("retry-after"), Some("7"));
    assert_eq!(answer.body(), "busy");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken_for_whole() {
    let broken: [&[u8]; 2] = [
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ];
    for answer in broken {
        let upstream = Upstream::answering(move |_| answer.to_vec()).await;
        let gateway = Gateway::plain(upstream.address).await;
        let answer = gateway.get("/").await;
        let told = answer.field("content-length") == Some("100");
        assert!(told || !answer.0.ends_with("0\r\n\r\n"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_connection_that_the_upstream_has_closed_meanwhile_costs_nobody_an_answer() {
    let upstream = Upstream::serve(|mut connection| async move {
        connection.read_to("\r\n\r\n").await;
        // Kept open by its words, closed by its deed.
        connection
            .write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .await;
    })
    .await;
    let gateway = Gateway::plain(upstream.address).await;
    for _ in 0..20 {
        assert_eq!(gateway.get("/").await.status(), "200", "{}", gateway.log());
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_its_request_at_the_upstream() {
    let (sender, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let upstream = Upstream::serve(move |mut connection| {
        let sender = sender.clone();
        async move {
            connection.read_to("\r\n\r\n").await;
            let _ = sender.send("asked");
            drop(connection.answer().await);
            let _ = sender.send("ended");
        }
    })
    .await;
    let gateway = Gateway::plain(upstream.address).await;
    let mut client = gateway.connect().await;
    client.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(ended.recv().await, Some("asked"));
    drop(client);
    let word = tokio::time::timeout(SOON, ended.recv()).await;
    assert_eq!(word.expect("in time"), Some("ended"));
}
