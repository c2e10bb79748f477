//! What a write ends without being told to.

use axum::{
    Router,
    extract::Request,
    http::Method,
    response::{IntoResponse, Response},
    routing::any,
};
use tower_keep_cache::{Cache, ResponseCacheLayer};

use super::{
    super::setup::shared,
    site::{Answer, MINUTE, Runs, Site, memory, request},
};

/// Pages that say in which run they were made. What is written to them is answered as the request asks for.
async fn site(layer: ResponseCacheLayer, runs: &Runs) -> Site {
    let runs = runs.clone();
    let page = any(move |asks: Request| {
        let answer = answer(&asks, &runs);
        async move { answer }
    });
    let router = Router::new()
        .route("/{*page}", page.layer(layer))
        .fallback(|| async { "outside" });
    Site::serve(router).await
}

fn answer(asks: &Request, runs: &Runs) -> Response {
    let group = [("cache-groups", "\"all\", \"pages\"")];
    if *asks.method() == Method::GET {
        return (group, format!("run {}", runs.next())).into_response();
    }
    let mut response = "written".into_response();
    for (name, value) in asks.headers() {
        if let Some(name) = name.as_str().strip_prefix("x-answer-") {
            match name {
                "status" => {
                    *response.status_mut() = value.to_str().unwrap().parse().unwrap();
                }
                name => {
                    let name = http::HeaderName::try_from(name).unwrap();
                    response.headers_mut().insert(name, value.clone());
                }
            }
        }
    }
    response
}

impl Site {
    async fn write(&self, method: &str, path: &str, answers: &[(&str, &str)]) -> Answer {
        let mut headers = vec![("host", "shop.example")];
        headers.extend_from_slice(answers);
        let asks = request(method, path, &headers);
        self.send(asks).await.answer().await
    }

    async fn read(&self, path: &str) -> Answer {
        self.write("GET", path, &[]).await
    }

    /// Whether the page is still there after a write.
    async fn survives(
        &self,
        page: &str,
        method: &str,
        path: &str,
        answers: &[(&str, &str)],
    ) -> bool {
        self.read(page).await;
        assert!(self.read(page).await.is_hit(), "{page}");
        let written = self.write(method, path, answers).await;
        assert_eq!(written.handling(), "tower-keep; fwd=method");
        self.read(page).await.is_hit()
    }
}

async fn both() -> [Cache; 2] {
    [memory(), shared().await]
}

#[tokio::test]
async fn a_write_ends_what_was_stored_of_its_uri() {
    for cache in both().await {
        let runs = Runs::default();
        let site = site(cache.layer().ttl(MINUTE), &runs).await;
        for method in ["POST", "PUT", "PATCH", "DELETE", "M-SEARCH"] {
            assert!(
                !site.survives("/a?x=1", method, "/a?x=1", &[]).await,
                "{method}"
            );
        }
        assert!(site.survives("/a?x=1", "POST", "/a?x=2", &[]).await);
        assert!(site.survives("/a?x=1", "OPTIONS", "/a?x=1", &[]).await);
    }
}

#[tokio::test]
async fn a_write_ends_what_was_stored_of_its_uri_without_what_is_not_in_the_key() {
    let runs = Runs::default();
    let layer = memory().layer().ttl(MINUTE).query_keys(["x"]);
    let site = site(layer, &runs).await;
    for page in ["/a?utm=1&x=1", "/a?x=1", "/a?x=1&utm=2"] {
        let same = "/a?utm=1&x=1";
        assert!(!site.survives(page, "POST", same, &[]).await, "{page}");
    }
    assert!(site.survives("/a?x=2", "POST", "/a?x=1", &[]).await);
}

#[tokio::test]
async fn a_write_that_fails_ends_nothing() {
    let runs = Runs::default();
    let site = site(memory().layer().ttl(MINUTE), &runs).await;
    for status in ["400", "404", "409", "500", "503"] {
        let failed = [("x-answer-status", status)];
        assert!(site.survives("/a", "PUT", "/a", &failed).await, "{status}");
    }
    for status in ["201", "204", "303"] {
        let done = [("x-answer-status", status)];
        assert!(!site.survives("/a", "PUT", "/a", &done).await, "{status}");
    }
}

#[tokio::test]
async fn it_also_ends_what_its_answer_names_on_the_same_host() {
    let runs = Runs::default();
    let site = site(memory().layer().ttl(MINUTE), &runs).await;
    for name in ["x-answer-location", "x-answer-content-location"] {
        for reference in [
            "/pages/b",
            "b",
            "http://shop.example/pages/b",
            "./x/../b#top",
        ] {
            let names = [(name, reference)];
            assert!(
                !site.survives("/pages/b", "POST", "/pages/a", &names).await,
                "{reference}"
            );
        }
        for reference in [
            "http://evil.example/pages/b",
            "/b",
            "//evil.example/pages/b",
        ] {
            let names = [(name, reference)];
            assert!(
                site.survives("/pages/b", "POST", "/pages/a", &names).await,
                "{reference}"
            );
        }
    }
}

#[tokio::test]
async fn it_ends_the_groups_that_it_says() {
    for cache in both().await {
        let runs = Runs::default();
        let site = site(cache.layer().ttl(MINUTE), &runs).await;
        let says = |groups| [("x-answer-cache-group-invalidation", groups)];
        assert!(!site.survives("/b", "POST", "/a", &says("\"pages\"")).await);
        assert!(
            !site
                .survives("/b", "POST", "/a", &says("\"x\", \"all\""))
                .await
        );
        assert!(site.survives("/b", "POST", "/a", &says("\"x\"")).await);
        assert!(site.survives("/b", "POST", "/a", &says("pages")).await);
        assert!(
            site.survives("/b", "OPTIONS", "/a", &says("\"pages\""))
                .await
        );
    }
}

#[tokio::test]
async fn a_route_may_keep_its_entries_when_it_is_written_to() {
    let runs = Runs::default();
    let layer = memory().layer().ttl(MINUTE).keep_on_writes();
    let site = site(layer, &runs).await;
    assert!(site.survives("/a", "PUT", "/a", &[]).await);
}

#[tokio::test]
async fn calls_of_grpc_are_no_writes() {
    let runs = Runs::default();
    let site = site(memory().layer().ttl(MINUTE), &runs).await;
    let grpc = [("content-type", "application/grpc")];
    assert!(site.survives("/a", "POST", "/a", &grpc).await);
}
