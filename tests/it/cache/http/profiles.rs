//! What a route may say about the semantics of HTTP: by the word of its responses, or more.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::{Empty, Full};
use tower::service_fn;
use tower_keep_cache::ResponseCacheLayer;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    super::setup::shared,
    site::{MINUTE, Runs, ask, memory, request},
};

type Lines = &'static [(&'static str, &'static str)];

/// A service that always answers so.
fn answering(
    layer: &ResponseCacheLayer,
    runs: &Runs,
    status: u16,
    headers: Lines,
) -> impl Service<
    Request<Empty<Bytes>>,
    Response = Response<tower_keep_core::Body<Full<Bytes>>>,
    Error = Infallible,
    Future: Send,
> + Clone
+ use<> {
    let runs = runs.clone();
    layer.layer(service_fn(move |_: Request<Empty<Bytes>>| {
        let mut response = Response::new(Full::from(format!("run {}", runs.next())));
        *response.status_mut() = status.try_into().unwrap();
        for (name, value) in headers {
            let value = HeaderValue::from_static(value);
            response
                .headers_mut()
                .append(HeaderName::from_static(name), value);
        }
        async move { Ok(response) }
    }))
}

/// Whether the second of two requests is answered with what the first one left.
async fn reused(layer: &ResponseCacheLayer, status: u16, headers: Lines, asks: [Lines; 2]) -> bool {
    let runs = Runs::default();
    let service = answering(layer, &runs, status, headers);
    let mut answers = Vec::new();
    for asks in asks {
        answers.push(ask(&service, request("GET", "/", asks)).await);
    }
    assert_eq!(runs.count() == 1, answers[1].is_hit(), "{answers:?}");
    answers[1].is_hit()
}

async fn again(layer: &ResponseCacheLayer, status: u16, headers: Lines) -> bool {
    reused(layer, status, headers, [&[], &[]]).await
}

#[tokio::test]
async fn in_the_strict_profile_only_the_response_counts() {
    let strict = || memory().layer().strict().ttl(MINUTE).negative_ttl(MINUTE);
    for status in [200, 203, 301, 404] {
        assert!(!again(&strict(), status, &[]).await, "{status}");
    }
    for status in [200, 204, 299, 302, 400, 403, 404, 499, 500, 503, 599] {
        let fresh = again(&strict(), status, &[("cache-control", "max-age=60")]).await;
        assert!(fresh, "{status}");
    }
    for status in [206, 304, 429] {
        let fresh = again(&strict(), status, &[("cache-control", "max-age=60")]).await;
        assert!(!fresh, "{status}");
    }
    for forbids in [
        &[("cache-control", "private, max-age=60")][..],
        &[("cache-control", "no-store, max-age=60")],
    ] {
        assert!(!again(&strict(), 200, forbids).await, "{forbids:?}");
    }
}

#[tokio::test]
async fn in_the_strict_profile_cookies_say_nothing() {
    let sets: Lines = &[("cache-control", "max-age=60"), ("set-cookie", "a=b")];
    assert!(again(&memory().layer().strict(), 200, sets).await);
    assert!(!again(&memory().layer(), 200, sets).await);
    let fresh: Lines = &[("cache-control", "max-age=60")];
    let cookie: Lines = &[("cookie", "a=b")];
    assert!(reused(&memory().layer().strict(), 200, fresh, [&[], cookie]).await);
    assert!(!reused(&memory().layer(), 200, fresh, [&[], cookie]).await);
}

#[tokio::test]
async fn an_answer_to_credentials_is_reused_only_if_it_says_so() {
    const FOO: Lines = &[("authorization", "FOO")];
    let strict = || memory().layer().strict();
    for says in [
        "max-age=60, public",
        "max-age=60, must-revalidate",
        "s-maxage=60",
    ] {
        let headers: Lines = Box::leak(Box::new([("cache-control", says)]));
        for second in [&[][..], FOO, &[("authorization", "BAR")]] {
            assert!(
                reused(&strict(), 200, headers, [FOO, second]).await,
                "{says}"
            );
        }
        assert!(!reused(&memory().layer(), 200, headers, [FOO, &[]]).await);
    }
    for says in ["max-age=60", "max-age=60, private"] {
        let headers: Lines = Box::leak(Box::new([("cache-control", says)]));
        for second in [&[][..], FOO] {
            assert!(
                !reused(&strict(), 200, headers, [FOO, second]).await,
                "{says}"
            );
        }
    }
}

#[tokio::test]
async fn nothing_may_be_remembered_for_a_while() {
    let layer = memory()
        .layer()
        .ttl(MINUTE)
        .negative_ttl(Duration::from_secs(5));
    for status in [404, 410] {
        assert!(again(&layer.clone().name(&status.to_string()), status, &[]).await);
    }
    for status in [400, 403, 500] {
        assert!(!again(&layer.clone().name(&status.to_string()), status, &[]).await);
    }
}

#[tokio::test]
async fn a_lifetime_may_be_guessed() {
    let old: Lines = &[("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")];
    assert!(again(&memory().layer().heuristic_freshness(), 200, old).await);
    assert!(!again(&memory().layer(), 200, old).await);
}

#[tokio::test]
async fn what_clients_ask_of_caches_may_be_ignored() {
    let fresh: Lines = &[("cache-control", "max-age=60")];
    for wish in ["no-cache", "no-store"] {
        let reload: Lines = Box::leak(Box::new([("cache-control", wish)]));
        let layer = memory().layer();
        assert!(!reused(&layer, 200, fresh, [&[], reload]).await);
        let layer = memory().layer().ignore_request_directives();
        assert!(reused(&layer, 200, fresh, [&[], reload]).await);
    }
}

#[tokio::test]
async fn a_targeted_field_counts_before_the_others() {
    let layer = || memory().layer();
    for (targeted, others, is_reused) in [
        ("max-age=60", "no-store", true),
        ("max-age=60", "max-age=0", true),
        ("max-age=0", "max-age=60", false),
        ("no-store", "max-age=60", false),
        ("max-age=60, &&&&&", "no-store", false),
        ("max-age=\"60\"", "no-store", false),
        ("max-age=\"60\"", "max-age=60", true),
    ] {
        let lines = [("cdn-cache-control", targeted), ("cache-control", others)];
        let lines: Lines = Box::leak(Box::new(lines));
        assert_eq!(again(&layer(), 200, lines).await, is_reused, "{lines:?}");
    }
}

#[tokio::test]
async fn fields_that_are_withheld_reach_only_the_first_client() {
    let runs = Runs::default();
    let headers: Lines = &[
        (
            "cache-control",
            "max-age=60, private=\"set-cookie\", no-cache=\"x-user\"",
        ),
        ("set-cookie", "id=1"),
        ("x-user", "alice"),
        ("x-page", "7"),
    ];
    let service = answering(&memory().layer(), &runs, 200, headers);
    let first = ask(&service, request("GET", "/", &[])).await;
    assert_eq!(first.header("set-cookie"), Some("id=1"));
    let second = ask(&service, request("GET", "/", &[])).await;
    assert!(second.is_hit());
    assert_eq!(second.header("x-page"), Some("7"));
    assert_eq!(
        (second.header("set-cookie"), second.header("x-user")),
        (None, None)
    );
}

#[tokio::test]
async fn the_key_is_said_where_that_is_asked_for() {
    for cache in [memory(), shared().await] {
        let fresh: Lines = &[("cache-control", "max-age=60")];
        let service = answering(
            &cache.layer().cache_status_key(),
            &Runs::default(),
            200,
            fresh,
        );
        let miss = ask(&service, request("GET", "/", &[])).await;
        let key = miss
            .handling()
            .strip_prefix("tower-keep; fwd=uri-miss; stored; key=\"");
        let key = key
            .and_then(|key| key.strip_suffix('"'))
            .unwrap()
            .to_owned();
        assert!(key.len() == 48 && key.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let hit = ask(&service, request("GET", "/", &[])).await;
        assert!(hit.is_hit() && hit.handling().ends_with(&format!("; key=\"{key}\"")));
        let other = ask(&service, request("GET", "/other", &[])).await;
        assert!(!other.handling().contains(&key));
    }
}
