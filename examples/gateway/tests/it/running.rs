//! Starting and stopping.

use testkit::eventually;

use crate::setup::{Gateway, SOON, Upstream, launch};

#[tokio::test]
async fn bad_settings_end_it_with_their_names() {
    let (sandbox, mut process) = launch(&["--upstream", "https://app", "--colour", "red"]);
    let mut status = None;
    eventually(SOON, async || {
        status = process.exited().unwrap();
        status.is_some()
    })
    .await;
    assert_eq!(status.and_then(|status| status.code()), Some(2));
    let log = sandbox.tail("gateway.log");
    for part in [
        "--upstream: TLS",
        "--colour is not",
        "--redis is missing",
        "gateway --help",
    ] {
        assert!(log.contains(part), "{part} in {log}");
    }
}

#[tokio::test]
async fn told_to_stop_it_finishes_what_is_under_way() {
    let (go, wait) = tokio::sync::watch::channel(false);
    let upstream = Upstream::serve(move |mut connection| {
        let mut wait = wait.clone();
        async move {
            connection.read_to("\r\n\r\n").await;
            wait.wait_for(|go| *go).await.unwrap();
            connection
                .write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate")
                .await;
        }
    })
    .await;
    let mut gateway = Gateway::plain(upstream.address).await;
    let mut client = gateway.connect().await;
    client.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // Only a request that the gateway has is under way.
    eventually(SOON, async || go.receiver_count() > 1).await;

    gateway.process.terminate();
    eventually(SOON, async || {
        tokio::net::TcpStream::connect(gateway.address)
            .await
            .is_err()
    })
    .await;
    go.send(true).unwrap();
    client.read_to("late").await;
    drop(client);
    let mut status = None;
    eventually(SOON, async || {
        status = gateway.process.exited().unwrap();
        status.is_some()
    })
    .await;
    assert!(
        status.is_some_and(|status| status.success()),
        "{}",
        gateway.log()
    );
}
