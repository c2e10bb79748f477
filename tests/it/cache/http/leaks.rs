//! Attacks: ways in which caches have handed one client's answer to another, or let one client write everybody's page.

use std::convert::Infallible;

use axum::{Router, body::Body, routing::get as route};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response, header::SET_COOKIE};
use http_body_util::{BodyExt, Empty, Full};
use tower::{service_fn, util::MapRequestLayer};
use tower_keep_cache::ResponseCacheLayer;
use tower_keep_core::{Identity, Protocol, Rejection, SessionTouched};
use tower_layer::Layer;
use tower_service::Service;

use super::site::{MINUTE, Runs, Site, ask, get, hit, memory, request};

type Ask = Request<Empty<Bytes>>;

/// A handler that answers with whatever it can learn of the client.
fn account_page(
    layer: &ResponseCacheLayer,
) -> impl Service<
    Ask,
    Response = Response<tower_keep_core::Body<Full<Bytes>>>,
    Error = Infallible,
    Future: Send,
> + Clone
+ use<> {
    layer.layer(service_fn(async |request: Ask| {
        let header = |name: &str| {
            request
                .headers()
                .get(name)
                .map_or("", |value| value.to_str().unwrap())
        };
        let identity = request
            .extensions()
            .get::<Identity>()
            .map_or(&b""[..], Identity::as_bytes);
        let identity = String::from_utf8_lossy(identity).into_owned();
        let page = format!(
            "account of {}{}{identity}",
            header("cookie"),
            header("authorization")
        );
        Ok(Response::new(Full::from(page)))
    }))
}

fn identified(name: &'static str) -> Ask {
    let mut request = get("/account");
    request.extensions_mut().insert(Identity::new(name));
    request
}

#[tokio::test]
async fn credentials_of_a_victim_do_not_leave_a_page_behind() {
    for header in ["cookie", "authorization"] {
        let service = account_page(&memory().layer().ttl(MINUTE));
        let victim = || request("GET", "/account", &[(header, "victim")]);
        assert_eq!(ask(&service, victim()).await.text(), "account of victim");
        assert_eq!(ask(&service, get("/account")).await.text(), "account of ");
        hit(&service, "/account").await;
        assert_eq!(ask(&service, victim()).await.text(), "account of victim");
        let attacker = request("GET", "/account", &[(header, "attacker")]);
        assert_eq!(ask(&service, attacker).await.text(), "account of attacker");
    }
}

#[tokio::test]
async fn an_identity_bypasses_unless_it_is_in_the_key() {
    let service = account_page(&memory().layer().ttl(MINUTE));
    hit(&service, "/account").await;
    let victim = ask(&service, identified("victim")).await;
    assert_eq!(
        (victim.text(), victim.handling()),
        (
            "account of victim",
            "tower-keep; fwd=bypass; detail=identity"
        )
    );

    let service = account_page(&memory().layer().ttl(MINUTE).by_identity());
    for _ in 0..3 {
        for name in ["victim", "attacker"] {
            assert_eq!(
                ask(&service, identified(name)).await.text(),
                format!("account of {name}")
            );
        }
        assert_eq!(ask(&service, get("/account")).await.text(), "account of ");
    }
    assert!(ask(&service, identified("victim")).await.is_hit());
    let nobody = request("GET", "/account", &[("authorization", "attacker")]);
    assert_eq!(ask(&service, nobody).await.text(), "account of attacker");
}

#[tokio::test]
async fn an_identity_cannot_reach_into_another_part_of_the_key() {
    let layer = memory().layer().ttl(MINUTE);
    let layer = layer.by_identity_of(|parts| {
        parts
            .headers
            .get("x-user")
            .map(|user| Identity::new(Bytes::copy_from_slice(user.as_bytes())))
    });
    let runs = Runs::default();
    let counted = runs.clone();
    let service = layer.layer(service_fn(move |_: Ask| {
        let run = counted.next();
        async move { Ok::<_, Infallible>(Response::new(Full::from(run.to_string()))) }
    }));
    let asks = [("/a", "b"), ("/ab", ""), ("/a?", "b"), ("/", "ab")];
    for (path, user) in asks {
        ask(&service, request("GET", path, &[("x-user", user)])).await;
    }
    assert_eq!(runs.count(), asks.len());
}

#[tokio::test]
async fn a_cookie_that_is_being_set_is_never_replayed() {
    let runs = Runs::default();
    let counted = runs.clone();
    let service = memory()
        .layer()
        .ttl(MINUTE)
        .layer(service_fn(move |_: Ask| {
            let cookie = format!("session={}", counted.next());
            async move {
                Ok::<_, Infallible>(
                    Response::builder()
                        .header("set-cookie", cookie)
                        .body(Full::from("in"))
                        .unwrap(),
                )
            }
        }));
    for run in 1..=3 {
        let expected = format!("session={run}");
        assert_eq!(
            ask(&service, get("/login")).await.header("set-cookie"),
            Some(&*expected)
        );
    }
}

#[tokio::test]
async fn cookies_are_let_in_where_somebody_answers_for_them() {
    let cookie = [("cookie", "theme=dark")];
    let service = account_page(&memory().layer().ttl(MINUTE).ignore_cookies());
    ask(&service, request("GET", "/", &cookie)).await;
    assert!(hit(&service, "/").await.is_hit());

    // With a session layer outside: cookies are its business, and it says when a session was used.
    let touching = |touches: bool| {
        memory()
            .layer()
            .ttl(MINUTE)
            .layer(service_fn(move |request: Ask| {
                if touches {
                    request
                        .extensions()
                        .get::<SessionTouched>()
                        .unwrap()
                        .touch();
                }
                async { Ok::<_, Infallible>(Response::new(Full::from("page"))) }
            }))
    };
    let with_session = || {
        let mut request = request("GET", "/", &cookie);
        request.extensions_mut().insert(SessionTouched::new());
        request
    };
    for (touches, stored) in [(false, true), (true, false)] {
        let service = touching(touches);
        let answer = ask(&service, with_session()).await;
        assert_eq!(answer.handling().ends_with("stored"), stored);
        let next = ask(&service, with_session()).await;
        assert!(!next.handling().contains("stored"));
    }
    let read_before = with_session();
    read_before
        .extensions()
        .get::<SessionTouched>()
        .unwrap()
        .touch();
    let answer = ask(&touching(false), read_before).await;
    assert_eq!(answer.handling(), "tower-keep; fwd=bypass; detail=session");
}

#[tokio::test]
async fn a_session_that_is_read_while_the_body_is_made_keeps_it_out() {
    let runs = Runs::default();
    let counted = runs.clone();
    let service = memory()
        .layer()
        .ttl(MINUTE)
        .layer(service_fn(move |request: Ask| {
            counted.next();
            let session = request
                .extensions()
                .get::<SessionTouched>()
                .unwrap()
                .clone();
            let body = Full::new(Bytes::from("account")).map_frame(move |frame| {
                session.touch();
                frame
            });
            async { Ok::<_, Infallible>(Response::new(body)) }
        }));
    for _ in 0..2 {
        let mut request = get("/");
        request.extensions_mut().insert(SessionTouched::new());
        assert!(!ask(&service, request).await.is_hit());
    }
    assert_eq!(runs.count(), 2);
}

#[tokio::test]
async fn an_empty_answer_to_head_does_not_become_the_page() {
    let service = memory()
        .layer()
        .ttl(MINUTE)
        .layer(service_fn(async |request: Ask| {
            // As a router does it.
            let body = if request.method() == "HEAD" {
                ""
            } else {
                "page"
            };
            Ok::<_, Infallible>(Response::new(Full::from(body)))
        }));
    ask(&service, request("HEAD", "/", &[])).await;
    assert_eq!(ask(&service, get("/")).await.text(), "page");
    assert_eq!(hit(&service, "/").await.text(), "page");
}

#[tokio::test]
async fn what_a_handler_for_head_alone_says_does_not_become_the_page() {
    for body in [Body::empty, || {
        Body::from_stream(stream::empty::<Result<Bytes, Infallible>>())
    }] {
        let page = route(async || "page").head(async move || axum::response::Response::new(body()));
        let router = Router::new().route("/", page.layer(memory().layer().ttl(MINUTE)));
        let site = Site::serve(router).await;
        site.send(request("HEAD", "/", &[])).await.answer().await;
        assert_eq!(site.get("/").await.text(), "page");
        assert_eq!(site.hit("/").await.text(), "page");
    }
}

/// As an error page has it that greets its reader, or that has begun a session.
#[tokio::test]
async fn a_failure_is_not_handed_to_somebody_with_other_cookies() {
    for (asked, answered) in [("cookie", "x-any"), ("x-any", "set-cookie")] {
        let service = memory()
            .layer()
            .strict()
            .layer(service_fn(move |request: Ask| async move {
                let value = request.headers()[asked].clone();
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                let text = format!("no page for {}", value.to_str().unwrap());
                let response = Response::builder().status(500).header(answered, value);
                Ok::<_, Infallible>(response.body(Full::from(text)).unwrap())
            }));
        let [alice, bob] = ["alice", "bob"].map(|name| request("GET", "/", &[(asked, name)]));
        let (alice, bob) = tokio::join!(ask(&service, alice), ask(&service, bob));
        for (answer, name) in [(alice, "alice"), (bob, "bob")] {
            assert_eq!(answer.text(), format!("no page for {name}"), "{asked}");
            assert_eq!(answer.header(answered), Some(name), "{asked}");
        }
    }
}

#[tokio::test]
async fn a_get_with_a_body_does_not_write_the_page() {
    let service =
        memory()
            .layer()
            .ttl(MINUTE)
            .layer(service_fn(async |request: Request<Full<Bytes>>| {
                let sent = request.into_body().collect().await.unwrap().to_bytes();
                Ok::<_, Infallible>(Response::new(Full::from(sent)))
            }));
    let with = |body: &'static str| Request::get("/").body(Full::from(body)).unwrap();
    let attack = ask(&service, with("<script>")).await;
    assert_eq!(attack.handling(), "tower-keep; fwd=bypass; detail=body");
    assert_eq!(ask(&service, with("")).await.text(), "");
    assert_eq!(ask(&service, with("<script>")).await.text(), "<script>");
    assert_eq!(ask(&service, with("")).await.text(), "");
}

#[tokio::test]
async fn a_host_that_is_not_in_the_key_does_not_write_the_page() {
    let service = memory()
        .layer()
        .ttl(MINUTE)
        .layer(service_fn(async |request: Ask| {
            let host = request
                .headers()
                .get("host")
                .map_or("", |host| host.to_str().unwrap())
                .to_owned();
            Ok::<_, Infallible>(Response::new(Full::from(format!("https://{host}/reset"))))
        }));
    let attack = request("GET", "http://shop.example/", &[("host", "evil.example")]);
    assert_eq!(
        ask(&service, attack).await.handling(),
        "tower-keep; fwd=bypass; detail=host"
    );
    let honest = request("GET", "http://shop.example/", &[("host", "shop.example")]);
    assert_eq!(
        ask(&service, honest).await.text(),
        "https://shop.example/reset"
    );
}

#[tokio::test]
async fn a_refusal_meant_for_one_client_is_not_served_to_those_who_waited_with_it() {
    let runs = Runs::default();
    let counted = runs.clone();
    let service = memory()
        .layer()
        .ttl(MINUTE)
        .layer(service_fn(move |_: Ask| {
            let first = counted.next() == 1;
            async move {
                tokio::task::yield_now().await;
                let mut response = Response::new(Full::from("page"));
                if first {
                    // Whatever a layer in between has made of its head, the extension is still there.
                    let rejection = Rejection::unavailable("limiter");
                    let rejected = rejection.into_response::<Empty<Bytes>>(&Protocol::http());
                    *response.status_mut() = rejected.status();
                    *response.extensions_mut() = rejected.into_parts().0.extensions;
                }
                Ok::<_, Infallible>(response)
            }
        }));
    let requests = (0..3).map(|_| ask(&service, get("/")));
    let answers = futures_util::future::join_all(requests).await;
    assert_eq!(answers[0].status, 503);
    for answer in &answers[1..] {
        assert_eq!((answer.status.as_u16(), answer.text()), (200, "page"));
    }
}

/// As layers do that serve a language by the request's headers.
#[tokio::test]
async fn a_path_that_is_rewritten_on_the_way_is_part_of_the_key() {
    let page = |language: &'static str| route(move || async move { language });
    let cache = memory();
    let pages = Router::new()
        .fallback_service(
            Router::new()
                .route(
                    "/en/about",
                    page("english").layer(cache.layer().ttl(MINUTE)),
                )
                .route("/de/about", page("german").layer(cache.layer().ttl(MINUTE))),
        )
        .layer(MapRequestLayer::new(
            |mut request: axum::extract::Request| {
                let language = request.headers()["accept-language"].to_str().unwrap();
                *request.uri_mut() = format!("/{language}/about").parse().unwrap();
                request
            },
        ));
    let site = Site::serve(pages).await;
    for (language, text) in [("en", "english"), ("de", "german"), ("en", "english")] {
        let asked = request("GET", "/about", &[("accept-language", language)]);
        let answer = site.send(asked).await.answer().await;
        assert_eq!(answer.text(), text);
    }
}

#[tokio::test]
async fn a_scheme_is_part_of_the_key() {
    let service = memory()
        .layer()
        .ttl(MINUTE)
        .layer(service_fn(async |request: Ask| {
            let secure = request.uri().scheme_str() == Some("https");
            let text = if secure { "page" } else { "use https" };
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(text)))
        }));
    hit(&service, "http://shop.example/").await;
    assert_eq!(hit(&service, "https://shop.example/").await.text(), "page");
}

#[tokio::test]
async fn a_cookie_in_a_trailer_is_never_replayed() {
    let service = memory()
        .layer()
        .ttl(MINUTE)
        .layer(service_fn(async |_: Ask| {
            let trailers = HeaderMap::from_iter([(SET_COOKIE, "id=1".parse().unwrap())]);
            let body = Full::<Bytes>::from("in").with_trailers(async { Some(Ok(trailers)) });
            Ok::<_, Infallible>(Response::new(body))
        }));
    for _ in 0..3 {
        assert!(!ask(&service, get("/")).await.is_hit());
    }
}
