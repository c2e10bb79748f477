//! TLS, against servers that have it.

use std::{convert::Infallible, fs, path::Path, time::Duration};

use testkit::{
    Authority, Capability, Certificate, RedisCluster, RedisSentinel, RedisServer, eventually,
    require,
};
use tower_keep_cache::{Cache, Freshness};
use tower_keep_core::connection::{
    Cause, ClassHealth, CommandError, ConnectError, ConnectionBuilder, ConnectionManager,
    OpenError, Profile, Redis, SetOptions,
};

use super::{SOON, attach, logs::Log, text};

const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

const PATIENT: &str = "command_timeout=5s&stall_age=5s";

/// An authority and a server that has its certificate; `None` where Redis has no TLS.
async fn server() -> Option<(Authority, RedisServer)> {
    if !require(Capability::RedisTls) {
        return None;
    }
    let authority = Authority::new("ours");
    let certificate = authority.issue(&NAMES);
    let server = RedisServer::builder()
        .tls(&authority, &certificate)
        .start()
        .await;
    Some((authority, server))
}

/// As [`server`], and clients must show a certificate of the same authority.
async fn strict_server() -> Option<(Authority, RedisServer)> {
    if !require(Capability::RedisTls) {
        return None;
    }
    let authority = Authority::new("ours");
    let certificate = authority.issue(&NAMES);
    let server = RedisServer::builder()
        .tls(&authority, &certificate)
        .require_client_certificates()
        .start()
        .await;
    Some((authority, server))
}

fn builder(url: &str) -> ConnectionBuilder {
    ConnectionManager::builder(url).unwrap()
}

fn trusting(authority: &Authority, url: &str) -> ConnectionBuilder {
    builder(url).roots(authority.pem())
}

async fn usable(builder: ConnectionBuilder, profile: &Profile) -> (ConnectionManager, Redis) {
    let manager = builder.open().unwrap();
    let redis = attach(&manager, profile);
    manager.connected(SOON).await.unwrap();
    (manager, redis)
}

/// Is never up, says why, and refuses operations at once.
async fn refused(builder: ConnectionBuilder, why: &str) {
    let manager = builder.open().unwrap();
    let redis = attach(&manager, &Profile::SESSION);
    let told = async || match manager.health().write {
        ClassHealth::Down {
            cause: Cause::Tls(words),
        } => words.contains(why),
        health => {
            assert!(!health.is_up());
            false
        }
    };
    eventually(SOON, told).await;
    assert_eq!(
        redis.get("key".into()).await,
        Err(CommandError::Unavailable)
    );
    let waited = manager.connected(Duration::from_millis(1)).await;
    assert!(
        matches!(waited, Err(ConnectError::TimedOut { .. })),
        "{waited:?}"
    );
    manager.close().await;
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_server_of_a_private_authority_is_trusted_when_that_is_given() {
    let Some((authority, server)) = server().await else {
        return;
    };
    let (_manager, redis) =
        usable(trusting(&authority, &server.tls_url()), &Profile::SESSION).await;
    redis
        .set("key".into(), text("value"), SetOptions::default())
        .await
        .unwrap();

    // By a name instead of an address, and by a file instead of text.
    let folder = tempfile::tempdir().unwrap();
    let ca = write(folder.path(), "ca.pem", authority.pem());
    let port = server.tls_address().port();
    let url = format!("rediss://localhost:{port}?ca={ca}");
    let (_manager, redis) = usable(builder(&url), &Profile::SESSION).await;
    assert_eq!(redis.get("key".into()).await, Ok(Some(text("value"))));
}

#[tokio::test]
async fn a_server_of_an_unknown_authority_is_refused() {
    let Some((_, server)) = server().await else {
        return;
    };
    let stranger = Authority::new("somebody else's");
    refused(
        trusting(&stranger, &server.tls_url()),
        "from an unknown authority",
    )
    .await;
}

#[tokio::test]
async fn the_platform_does_not_know_a_private_authority() {
    let Some((_, server)) = server().await else {
        return;
    };
    match builder(&server.tls_url()).open() {
        Ok(_) => refused(builder(&server.tls_url()), "from an unknown authority").await,
        // A machine that trusts nobody: there is nothing to start with.
        Err(error) => assert!(
            matches!(error, OpenError::Tls { setting: "ca", .. }),
            "{error}"
        ),
    }
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    if !require(Capability::RedisTls) {
        return;
    }
    let authority = Authority::new("ours");
    let server = RedisServer::builder()
        .tls(&authority, &authority.issue(&["other.test"]))
        .start()
        .await;
    let why = "for another host: DnsName(other.test)";
    refused(trusting(&authority, &server.tls_url()), why).await;
    let by_name = server.tls_url().replace("127.0.0.1", "localhost");
    refused(trusting(&authority, &by_name), why).await;
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_one_is_wanted() {
    let Some((authority, server)) = strict_server().await else {
        return;
    };
    let client = authority.issue(&["app"]);
    let given = trusting(&authority, &server.tls_url());
    let given = given.client_certificate(client.chain(), client.key());
    let (_manager, redis) = usable(given, &Profile::SESSION).await;
    redis.ping().await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let ca = write(folder.path(), "ca.pem", authority.pem());
    let cert = write(folder.path(), "cert.pem", client.chain());
    let key = write(folder.path(), "key.pem", client.key());
    let url = format!("{}?ca={ca}&cert={cert}&key={key}", server.tls_url());
    let (_manager, redis) = usable(builder(&url), &Profile::SESSION).await;
    redis.ping().await.unwrap();
}

#[tokio::test]
async fn a_client_without_the_right_certificate_is_told_so() {
    let Some((authority, server)) = strict_server().await else {
        return;
    };
    let without = trusting(&authority, &server.tls_url());
    refused(without.clone(), "wants a client certificate").await;
    let stranger = Authority::new("somebody else's").issue(&["app"]);
    let strange = without.client_certificate(stranger.chain(), stranger.key());
    refused(strange, "the server refused").await;
}

#[tokio::test]
async fn a_server_without_tls_is_not_waited_for_for_ever() {
    let server = RedisServer::start().await;
    let url = server.url().replace("redis:", "rediss:") + "?connect_timeout=100ms";
    let authority = Authority::new("ours");
    let manager = trusting(&authority, &url).open().unwrap();
    eventually(SOON, async || {
        manager.health().to_string().contains("handshake")
    })
    .await;
}

#[tokio::test]
async fn an_outage_ends_by_itself() {
    let Some((authority, server)) = server().await else {
        return;
    };
    let (manager, redis) = usable(trusting(&authority, &server.tls_url()), &Profile::SESSION).await;
    let (connections, incarnation) = (redis.generation(), manager.incarnation());
    server.kill();
    eventually(SOON, async || !manager.health().is_up()).await;
    assert_eq!(
        redis.get("key".into()).await,
        Err(CommandError::Unavailable)
    );
    server.restart().await;
    manager.connected(SOON).await.unwrap();
    assert_eq!(redis.get("key".into()).await, Ok(None));
    assert!(redis.generation() > connections);
    assert_ne!(manager.incarnation(), incarnation);

    server.pause();
    eventually(SOON, async || {
        let _ = redis.get("key".into()).await;
        !manager.health().is_up()
    })
    .await;
    server.resume();
    manager.connected(SOON).await.unwrap();
    assert_eq!(redis.get("key".into()).await, Ok(None));
}

#[tokio::test]
async fn the_cache_works_as_it_does_without() {
    let Some((authority, server)) = server().await else {
        return;
    };
    let url = format!("{}?{PATIENT}", server.tls_url());
    let (manager, _redis) = usable(trusting(&authority, &url), &Profile::CACHE).await;
    uses_all_of(&Cache::new(manager)).await;
}

async fn uses_all_of(cache: &Cache) {
    let read = async |value: u64| {
        let load = move || async move { Ok::<_, Infallible>(value) };
        let freshness = Freshness::ttl(Duration::from_secs(60)).tags(["tag"]);
        cache.get_or_load("key", freshness, load).await.unwrap()
    };
    assert_eq!(read(1).await, 1);
    assert_eq!(read(2).await, 1, "a hit");
    cache.invalidate(["tag"]).await.unwrap();
    assert_eq!(read(3).await, 3);
}

#[tokio::test]
async fn every_node_of_a_cluster_is_reached_with_tls_and_must_prove_its_address() {
    if !require(Capability::RedisTls) {
        return;
    }
    let authority = Authority::new("ours");
    let cluster = RedisCluster::builder().tls(&authority, &authority.issue(&NAMES));
    let cluster = cluster.start().await;
    let url = format!("{}?{PATIENT}", cluster.tls_url());
    let (manager, redis) = usable(trusting(&authority, &url), &Profile::SESSION).await;
    for number in 0..100 {
        let key = format!("key:{number}");
        let set = redis.set(key.into(), text("value"), SetOptions::default());
        assert_eq!(set.await, Ok(true));
    }
    uses_all_of(&Cache::new(manager)).await;

    let stranger = Authority::new("somebody else's");
    refused(trusting(&stranger, &url), "from an unknown authority").await;
}

#[tokio::test]
async fn sentinels_and_the_master_they_name_are_reached_with_tls() {
    if !require(Capability::RedisTls) {
        return;
    }
    let authority = Authority::new("ours");
    let group = RedisSentinel::builder().tls(&authority, &authority.issue(&NAMES));
    let group = group.start().await;
    let url = format!("{}&{PATIENT}", group.tls_url());
    let (manager, redis) = usable(trusting(&authority, &url), &Profile::SESSION).await;
    redis
        .set("key".into(), text("value"), SetOptions::default())
        .await
        .unwrap();
    let mut master = group.servers()[0].client().await;
    assert_eq!(master.words("GET key").await, "value");
    uses_all_of(&Cache::new(manager)).await;

    // The client library does not say why no sentinel will do.
    let stranger = Authority::new("somebody else's");
    let manager = trusting(&stranger, &url).open().unwrap();
    eventually(SOON, async || {
        manager.health().to_string().contains("sentinel")
    })
    .await;
    assert!(!manager.health().is_up());
}

/// Big enough to need several records of TLS.
#[tokio::test]
async fn large_values_come_back_whole() {
    let Some((authority, server)) = server().await else {
        return;
    };
    let url = format!("{}?{PATIENT}", server.tls_url());
    let (_manager, redis) = usable(trusting(&authority, &url), &Profile::SESSION).await;
    let value: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    redis
        .set("key".into(), value.clone().into(), SetOptions::default())
        .await
        .unwrap();
    assert_eq!(redis.get("key".into()).await, Ok(Some(value.into())));
}

#[tokio::test]
async fn a_bad_file_or_pem_is_an_error_that_names_its_setting() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("ours");
    let (client, other) = (authority.issue(&["app"]), authority.issue(&["app"]));
    let file = |name, text: &str| write(folder.path(), name, text);
    let (ca, cert) = (
        file("ca.pem", authority.pem()),
        file("cert.pem", client.chain()),
    );
    let key = file("key.pem", client.key());
    let empty = file("empty.pem", "");
    let cut = file("cut.pem", &client.key()[..100]);
    let foreign = file("foreign.pem", other.key());
    let certificate = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n";
    let nonsense = file("nonsense.pem", certificate);
    for (query, setting) in [
        ("ca=/nowhere/ca.pem".to_owned(), "ca"),
        (format!("ca={empty}"), "ca"),
        (format!("ca={key}"), "ca"),
        (format!("ca={nonsense}"), "ca"),
        (format!("ca={ca}&cert=/nowhere&key={key}"), "cert"),
        (format!("ca={ca}&cert={empty}&key={key}"), "cert"),
        (format!("ca={ca}&cert={cert}&key=/nowhere"), "key"),
        (format!("ca={ca}&cert={cert}&key={empty}"), "key"),
        (format!("ca={ca}&cert={cert}&key={cut}"), "key"),
        (format!("ca={ca}&cert={cert}&key={foreign}"), "key"),
    ] {
        let error = ConnectionManager::open(&format!("rediss://localhost?{query}")).unwrap_err();
        let named = matches!(&error, OpenError::Tls { setting: name, .. } if *name == setting);
        assert!(named, "{query}: {error:?}");
        assert!(error.to_string().contains(&format!("`{setting}`")));
    }
    for (query, missing) in [
        (format!("cert={cert}"), "key"),
        (format!("key={key}"), "cert"),
    ] {
        let error = ConnectionManager::open(&format!("rediss://localhost?{query}")).unwrap_err();
        assert_eq!(error, OpenError::MissingOption(missing));
    }
}

#[tokio::test]
async fn what_was_given_for_tls_is_never_left_unused() {
    let authority = Authority::new("ours");
    let error = trusting(&authority, "redis://localhost")
        .open()
        .unwrap_err();
    assert!(error.to_string().contains("rediss"), "{error}");
}

#[tokio::test]
async fn a_key_is_never_shown() {
    let Some((authority, server)) = strict_server().await else {
        return;
    };
    let (log, _guard) = Log::start();
    let client: Certificate = authority.issue(&["app"]);
    let given = trusting(&authority, &server.tls_url());
    let given = given.client_certificate(client.chain(), client.key());
    let mut shown = format!("{given:?}");
    let (manager, redis) = usable(given, &Profile::SESSION).await;
    redis.ping().await.unwrap();
    shown += &format!("{manager:?} {redis:?} {}", manager.health());
    // Somebody wrote the key itself where the name of its file belongs.
    let secret: Vec<&str> = client
        .key()
        .lines()
        .filter(|l| !l.starts_with('-'))
        .collect();
    let pasted = format!("{}?cert=c.pem&key={}", server.tls_url(), secret.concat());
    let builder = ConnectionManager::builder(&pasted).unwrap();
    let cert = folder_with(client.chain());
    let error = ConnectionManager::open(&pasted.replace("c.pem", cert.1.as_str())).unwrap_err();
    shown += &format!("{builder:?} {error:?} {error}");
    manager.close().await;
    shown += &log.text();
    for part in secret {
        assert!(!shown.contains(part), "{shown}");
    }
}

fn folder_with(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "file.pem", text);
    (folder, file)
}
