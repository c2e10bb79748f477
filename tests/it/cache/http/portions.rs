//! What a client gets of an answer, by the conditions and ranges of its request (RFC 9110 sections 13 and 14).

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    routing::get as route,
};
use http::Method;
use tower_keep_cache::Cache;

use super::{
    super::setup::shared,
    site::{Answer, MINUTE, Runs, Site, memory, request},
};

const CHANGED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const MADE: &str = "Sun, 06 Nov 1994 09:00:00 GMT";
const DAY_BEFORE: &str = "Sat, 05 Nov 1994 08:49:37 GMT";

/// A page of ten digits, whose handler panics if it is asked for less than all of it.
async fn site(cache: &Cache, runs: &Runs) -> Site {
    let runs = runs.clone();
    let page = move |method: Method, asked: HeaderMap| {
        runs.next();
        assert_eq!(method, "GET");
        for name in ["range", "if-range", "if-match", "if-unmodified-since"] {
            assert!(!asked.contains_key(name), "{name}");
        }
        let head = [
            ("etag", "\"1\""),
            ("last-modified", CHANGED),
            ("date", MADE),
            ("content-type", "text/digits"),
            ("content-language", "en"),
            ("vary", "host"),
            // The date would make it old.
            ("cdn-cache-control", "max-age=3155760000"),
        ];
        async move { (head, "0123456789") }
    };
    let missing = || async {
        (
            StatusCode::NOT_FOUND,
            [("etag", "\"1\""), ("cache-control", "max-age=60")],
            "none",
        )
    };
    let router = Router::new()
        .route("/digits", route(page))
        .route("/missing", route(missing))
        .layer(cache.layer().ttl(MINUTE));
    Site::serve(router).await
}

/// One site on each store, with the page in its cache.
async fn sites(runs: &Runs) -> [Site; 2] {
    let sites = [
        site(&memory(), runs).await,
        site(&shared().await, runs).await,
    ];
    for site in &sites {
        site.hit("/digits").await;
    }
    sites
}

async fn ask(site: &Site, method: &str, headers: &[(&str, &str)]) -> Answer {
    site.send(request(method, "/digits", headers))
        .await
        .answer()
        .await
}

#[tokio::test]
async fn a_client_that_has_it_gets_a_304_with_the_head_that_it_needs() {
    let runs = Runs::default();
    for site in sites(&runs).await {
        for condition in [
            ("if-none-match", "\"1\""),
            ("if-none-match", "\"0\", W/\"1\""),
            ("if-none-match", "*"),
            ("if-modified-since", CHANGED),
        ] {
            for method in ["GET", "HEAD"] {
                let answer = ask(&site, method, &[condition]).await;
                assert_eq!(
                    (answer.status, answer.text()),
                    (StatusCode::NOT_MODIFIED, ""),
                    "{condition:?}"
                );
                assert!(answer.is_hit(), "{}", answer.handling());
                for (name, value) in [("etag", "\"1\""), ("date", MADE), ("vary", "host")] {
                    assert_eq!(answer.header(name), Some(value));
                }
                assert!(answer.header("age").is_some());
                for name in ["content-type", "content-language", "last-modified"] {
                    assert_eq!(answer.header(name), None, "{name}");
                }
            }
        }
        for condition in [
            ("if-none-match", "\"2\""),
            ("if-none-match", "1"),
            ("if-modified-since", DAY_BEFORE),
            ("if-modified-since", "yesterday"),
        ] {
            let answer = ask(&site, "GET", &[condition]).await;
            assert_eq!(
                (answer.status, answer.text()),
                (StatusCode::OK, "0123456789")
            );
        }
    }
    assert_eq!(runs.count(), 2);
}

#[tokio::test]
async fn a_part_is_cut_out_of_the_entry() {
    let runs = Runs::default();
    for site in sites(&runs).await {
        for (range, part, place) in [
            ("bytes=2-4", "234", "bytes 2-4/10"),
            ("bytes=7-", "789", "bytes 7-9/10"),
            ("bytes=-1", "9", "bytes 9-9/10"),
            ("bytes=0-1000", "0123456789", "bytes 0-9/10"),
        ] {
            let answer = ask(&site, "GET", &[("range", range)]).await;
            assert_eq!(
                (answer.status, answer.text()),
                (StatusCode::PARTIAL_CONTENT, part)
            );
            assert_eq!(answer.header("content-range"), Some(place));
            assert_eq!(answer.header("content-type"), Some("text/digits"));
            assert_eq!(
                answer.header("content-length"),
                Some(part.len().to_string().as_str())
            );
            assert_eq!(answer.header("etag"), Some("\"1\""));
            assert!(answer.is_hit());
        }
        let several = ask(&site, "GET", &[("range", "bytes=0-1,-2")]).await;
        assert_eq!(several.status, StatusCode::PARTIAL_CONTENT);
        let kind = several.header("content-type").unwrap();
        let boundary = kind
            .strip_prefix("multipart/byteranges; boundary=")
            .unwrap();
        let expected = format!(
            "--{boundary}\r\nContent-Type: text/digits\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n\
             --{boundary}\r\nContent-Type: text/digits\r\nContent-Range: bytes 8-9/10\r\n\r\n89\r\n\
             --{boundary}--\r\n"
        );
        assert_eq!(several.text(), expected);
        let beyond = ask(&site, "GET", &[("range", "bytes=10-")]).await;
        assert_eq!(
            (beyond.status, beyond.header("content-range"), beyond.text()),
            (StatusCode::RANGE_NOT_SATISFIABLE, Some("bytes */10"), "")
        );
        for whole in ["items=0-1", "bytes=4-2", "bytes=0-,0-,0-"] {
            let answer = ask(&site, "GET", &[("range", whole)]).await;
            assert_eq!(
                (answer.status, answer.text()),
                (StatusCode::OK, "0123456789")
            );
        }
        let head = ask(&site, "HEAD", &[("range", "bytes=2-4")]).await;
        assert_eq!(
            (head.status, head.header("content-length")),
            (StatusCode::OK, Some("10"))
        );
    }
    assert_eq!(runs.count(), 2);
}

#[tokio::test]
async fn a_part_is_not_put_to_a_part_of_something_else() {
    let runs = Runs::default();
    for site in sites(&runs).await {
        for (known, status) in [
            ("\"1\"", StatusCode::PARTIAL_CONTENT),
            (CHANGED, StatusCode::PARTIAL_CONTENT),
            ("\"2\"", StatusCode::OK),
            ("W/\"1\"", StatusCode::OK),
            (MADE, StatusCode::OK),
        ] {
            let asked = [("range", "bytes=2-4"), ("if-range", known)];
            assert_eq!(ask(&site, "GET", &asked).await.status, status, "{known}");
        }
    }
}

#[tokio::test]
async fn who_means_another_answer_is_refused_by_the_handler_and_not_by_an_old_entry() {
    let runs = Runs::default();
    for (number, site) in sites(&runs).await.into_iter().enumerate() {
        let before = runs.count();
        let met = ask(&site, "GET", &[("if-match", "\"1\"")]).await;
        assert_eq!((met.status, met.is_hit()), (StatusCode::OK, true));
        for (count, condition) in [("if-match", "\"2\""), ("if-unmodified-since", DAY_BEFORE)]
            .into_iter()
            .enumerate()
        {
            let failed = ask(&site, "GET", &[condition]).await;
            assert_eq!(
                (failed.status, failed.text()),
                (StatusCode::PRECONDITION_FAILED, "")
            );
            assert_eq!(failed.header("etag"), None);
            assert!(!failed.is_hit(), "{}", failed.handling());
            assert_eq!(runs.count(), before + count + 1, "{number}");
        }
        assert!(site.hit("/digits").await.is_hit());
    }
}

#[tokio::test]
async fn conditions_of_a_miss_are_judged_on_the_whole_answer_that_it_brings() {
    for conditions in [
        &[("if-none-match", "\"1\"")][..],
        &[("if-modified-since", CHANGED)],
    ] {
        let runs = Runs::default();
        for site in [
            site(&memory(), &runs).await,
            site(&shared().await, &runs).await,
        ] {
            let answer = ask(&site, "GET", conditions).await;
            assert_eq!(
                (answer.status, answer.text()),
                (StatusCode::NOT_MODIFIED, "")
            );
            assert_eq!(answer.header("etag"), Some("\"1\""));
            assert_eq!(site.hit("/digits").await.text(), "0123456789");
        }
        assert_eq!(runs.count(), 2);
    }
    let runs = Runs::default();
    let site = site(&memory(), &runs).await;
    // Nobody knows yet how long it is.
    let answer = ask(&site, "GET", &[("range", "bytes=2-4")]).await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, "0123456789")
    );
    site.hit("/digits").await;
    assert_eq!(runs.count(), 1);
}

#[tokio::test]
async fn an_error_is_an_error_whatever_the_condition() {
    let site = site(&memory(), &Runs::default()).await;
    site.hit("/missing").await;
    for condition in [
        ("if-none-match", "\"1\""),
        ("if-match", "\"2\""),
        ("range", "bytes=0-1"),
    ] {
        let answer = site
            .send(request("GET", "/missing", &[condition]))
            .await
            .answer()
            .await;
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::NOT_FOUND, "none")
        );
    }
}
