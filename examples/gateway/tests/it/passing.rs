//! What goes through goes through as it is.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::setup::{Gateway, Upstream, field};

/// Says back what was asked.
async fn echo() -> Upstream {
    Upstream::answering(|head| {
        let head = head.trim_end();
        format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{head}",
            head.len()
        )
        .into_bytes()
    })
    .await
}

#[tokio::test]
async fn every_method_passes() {
    let upstream = echo().await;
    let gateway = Gateway::plain(upstream.address).await;
    for method in [
        "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "PURGE", "x-own",
    ] {
        let answer = gateway
            .ask(&format!(
                "{method} /page HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n"
            ))
            .await;
        assert_eq!(answer.status(), "200", "{method}: {}", gateway.log());
        let asked = answer.body();
        assert!(
            asked.starts_with(&format!("{method} /page HTTP/1.1\r\n")),
            "{asked}"
        );
    }
}

#[tokio::test]
async fn head_has_the_length_of_what_get_would_bring() {
    let upstream =
        Upstream::answering(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n".to_vec()).await;
    let gateway = Gateway::plain(upstream.address).await;
    let answer = gateway
        .ask("HEAD / HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n")
        .await;
    assert_eq!(answer.field("content-length"), Some("1234"));
    assert_eq!(answer.body(), "");
}

#[tokio::test]
async fn a_tunnel_is_not_made() {
    let upstream = echo().await;
    let gateway = Gateway::plain(upstream.address).await;
    let mut connection = gateway.connect().await;
    connection
        .write(b"CONNECT shop.example:443 HTTP/1.1\r\nhost: shop.example:443\r\nconnection: close\r\n\r\n")
        .await;
    assert_eq!(connection.answer().await.status(), "501");
}

#[tokio::test]
async fn every_status_passes_with_its_body() {
    let upstream = Upstream::answering(|head| {
        let status = head.split(' ').nth(1).unwrap_or_default();
        let status = status.trim_start_matches('/');
        let body = match status {
            "204" | "304" => "",
            _ => "content-length: 4\r\n\r\nbody",
        };
        let end = if body.is_empty() { "\r\n" } else { "" };
        format!("HTTP/1.1 {status} As-You-Like\r\n{body}{end}").into_bytes()
    })
    .await;
    let gateway = Gateway::plain(upstream.address).await;
    for status in [
        200, 201, 202, 203, 204, 205, 206, 207, 226, 299, 300, 301, 302, 303, 304, 307, 308, 400,
        401, 403, 404, 405, 408, 409, 410, 412, 416, 418, 421, 425, 429, 451, 500, 501, 502, 503,
        504, 511, 599,
    ] {
        let answer = gateway.get(&format!("/{status}")).await;
        assert_eq!(answer.status(), status.to_string(), "{}", gateway.log());
        let body = if [204, 304].contains(&status) {
            ""
        } else {
            "body"
        };
        assert_eq!(answer.body(), body, "{status}");
    }
}

#[tokio::test]
async fn the_target_is_not_touched() {
    let upstream = echo().await;
    let gateway = Gateway::plain(upstream.address).await;
    for target in [
        "/a%2Fb//c/../d;v=1?x=%20&y&&z=%C3%9C+1",
        "/?",
        "//evil.example/x",
        "/%ff",
    ] {
        let answer = gateway.get(target).await;
        let line = answer.body().lines().next().unwrap_or_default().to_owned();
        assert_eq!(line, format!("GET {target} HTTP/1.1"));
    }
    let whole = gateway
        .ask("GET http://shop.example/page?a HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n")
        .await;
    assert!(
        whole.body().starts_with("GET /page?a HTTP/1.1\r\n"),
        "{whole:?}"
    );
    let everything = gateway
        .ask("OPTIONS * HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n")
        .await;
    assert!(
        everything.body().starts_with("OPTIONS * HTTP/1.1\r\n"),
        "{everything:?}"
    );
}

/// The fields of a head, in lower case and in order, without those of the framing that each side makes for itself.
fn fields(head: &str) -> Vec<String> {
    let (head, _) = head.split_once("\r\n\r\n").unwrap_or((head, ""));
    let mut fields: Vec<String> = head
        .split("\r\n")
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| format!("{}: {}", name.to_ascii_lowercase(), value.trim()))
        .filter(|field| !field.starts_with("date:") && !field.starts_with("connection:"))
        .collect();
    fields.sort();
    fields
}

#[tokio::test]
async fn fields_pass_but_for_those_of_the_connection() {
    let seen = Arc::new(Mutex::new(String::new()));
    let upstream = Upstream::answering({
        let seen = Arc::clone(&seen);
        move |head| {
            *seen.lock().unwrap() = head.to_owned();
            b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nset-cookie: b=2\r\nx-latin: caf\xe9\r\nserver: own/1\r\n\
              connection: x-between\r\nx-between: 1\r\nkeep-alive: timeout=5\r\nvia: 1.1 inner\r\nage: 7\r\n\
              content-length: 0\r\n\r\n"
                .to_vec()
        }
    })
    .await;
    let gateway = Gateway::plain(upstream.address).await;
    let mut connection = gateway.connect().await;
    connection
        .write(
            b"GET / HTTP/1.1\r\nHost: Shop.Example:81\r\nCookie: a=1\r\ncookie: b=2\r\nX-Latin: caf\xe9\r\n\
              X-Forwarded-For: 192.0.2.1\r\naccept-encoding: gzip, br\r\nAuthorization: Basic Og==\r\n\
              Connection: close, X-Hop\r\nX-Hop: 1\r\nProxy-Authorization: Basic Og==\r\nTE: trailers, gzip\r\n\
              Upgrade: websocket\r\nexpect-ct: x\r\n\r\n",
        )
        .await;
    let answer = connection.answer().await;
    assert_eq!(
        fields(&seen.lock().unwrap()),
        [
            "accept-encoding: gzip, br",
            "authorization: Basic Og==",
            "cookie: a=1",
            "cookie: b=2",
            "expect-ct: x",
            "host: Shop.Example:81",
            "te: trailers",
            "x-forwarded-for: 192.0.2.1",
            "x-latin: caf\u{e9}",
        ]
    );
    assert_eq!(
        fields(&answer.0),
        [
            "age: 7",
            "content-length: 0",
            "server: own/1",
            "set-cookie: a=1; Path=/",
            "set-cookie: b=2",
            "via: 1.1 inner",
            "x-latin: caf\u{e9}",
        ]
    );
}

#[tokio::test]
async fn a_body_streams_to_the_upstream_before_its_end_is_known() {
    let arrived = Arc::new(Notify::new());
    let upstream = Upstream::serve({
        let arrived = Arc::clone(&arrived);
        move |mut connection| {
            let arrived = Arc::clone(&arrived);
            async move {
                let head = connection.read_to("\r\n\r\n").await;
                assert_eq!(field(&head, "transfer-encoding"), Some("chunked"));
                connection.read_to("first").await;
                arrived.notify_one();
                connection.read_to("0\r\n\r\n").await;
                connection
                    .write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
                    .await;
            }
        }
    })
    .await;
    let gateway = Gateway::plain(upstream.address).await;
    let mut client = gateway.connect().await;
    client
        .write(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\nfirst\r\n")
        .await;
    arrived.notified().await;
    client.write(b"6\r\nsecond\r\n0\r\n\r\n").await;
    assert_eq!(client.answer().await.body(), "ok");
}

#[tokio::test]
async fn a_body_streams_to_the_client_before_its_end_is_made() {
    let seen = Arc::new(Notify::new());
    let upstream = Upstream::serve({
        let seen = Arc::clone(&seen);
        move |mut connection| {
            let seen = Arc::clone(&seen);
            async move {
                connection.read_to("\r\n\r\n").await;
                connection
                    .write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n")
                    .await;
                seen.notified().await;
                connection.write(b"data: 2\n\n").await;
            }
        }
    })
    .await;
    let gateway = Gateway::plain(upstream.address).await;
    let mut client = gateway.connect().await;
    client.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    client.read_to("data: 1\n\n").await;
    seen.notify_one();
    client.read_to("data: 2\n\n").await;
}

#[tokio::test]
async fn trailers_pass() {
    let upstream = Upstream::answering(|_| {
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n"
            .to_vec()
    })
    .await;
    let gateway = Gateway::plain(upstream.address).await;
    let answer = gateway
        .ask("GET / HTTP/1.1\r\nhost: x\r\nte: trailers\r\nconnection: te, close\r\n\r\n")
        .await;
    assert!(
        answer.body().ends_with("0\r\nx-sum: 7\r\n\r\n"),
        "{answer:?}"
    );
}
