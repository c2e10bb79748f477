use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body as AxumBody;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use http_body::SizeHint;
use http_body_util::BodyExt;
use tower_keep_core::Body;
use tower_keep_core::body::{Receiver, Sender, channel};

use super::{request, serve};

/// A server whose only answer is what the sender sends.
async fn streaming(size: SizeHint, room: usize) -> (std::net::SocketAddr, Sender<axum::Error>) {
    let (sender, receiver) = channel(size, room);
    let once: Arc<Mutex<Option<Receiver<axum::Error>>>> = Arc::new(Mutex::new(Some(receiver)));
    let handler = move || {
        let receiver = once.lock().unwrap().take().unwrap();
        let body: Body<AxumBody> = Body::streamed(receiver);
        async move { Response::new(AxumBody::new(body)) }
    };
    let server = serve(Router::new().route("/", get(handler))).await;
    (server, sender)
}

#[tokio::test]
async fn a_chunk_is_with_the_client_before_the_next_one_is_made() {
    let (server, mut sender) = streaming(SizeHint::new(), 1).await;
    sender.push(Bytes::from("first")).unwrap();
    let mut answer = request(server, "/", &[]).await;
    let frame = answer.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "first");
    sender.push(Bytes::from("second")).unwrap();
    sender.finish(None);
    let rest = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(rest, "second");
}

#[tokio::test]
async fn a_known_size_becomes_the_content_length() {
    let (server, mut sender) = streaming(SizeHint::with_exact(8), 1).await;
    sender.push(Bytes::from("1234")).unwrap();
    let answer = request(server, "/", &[]).await;
    assert_eq!(answer.headers()["content-length"], "8");
    sender.push(Bytes::from("5678")).unwrap();
    sender.finish(None);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "12345678");
}

#[tokio::test]
async fn a_failed_or_abandoned_body_is_never_a_complete_answer() {
    for fails in [true, false] {
        let (server, mut sender) = streaming(SizeHint::new(), 1).await;
        sender.push(Bytes::from("half")).unwrap();
        let answer = request(server, "/", &[]).await;
        if fails {
            sender.fail(axum::Error::new("the backend is gone"));
        } else {
            drop(sender);
        }
        assert!(
            answer.into_body().collect().await.is_err(),
            "fails: {fails}"
        );
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_closes_the_sender() {
    let (server, mut sender) = streaming(SizeHint::new(), 1024).await;
    sender.push(Bytes::from("first")).unwrap();
    let answer = request(server, "/", &[]).await;
    drop(answer);
    // Room for 1 KiB: this ends only because the reader goes.
    while sender.send(Bytes::from(vec![0; 1024])).await.is_ok() {}
    assert!(sender.is_closed());
}
