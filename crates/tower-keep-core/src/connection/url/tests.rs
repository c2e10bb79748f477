use proptest::prelude::*;

use super::*;

fn parse(url: &str) -> ConnectionUrl {
    url.parse().unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn refused(url: &str) -> OpenError {
    url.parse::<ConnectionUrl>().expect_err(url)
}

fn node(host: &str, port: u16) -> Node {
    Node {
        host: host.into(),
        port,
    }
}

#[test]
fn a_server_has_a_host_a_port_and_a_database() {
    let target = parse("redis://10.0.0.5").target;
    assert_eq!(target.address, Address::Server(node("10.0.0.5", 6379)));
    assert_eq!((target.tls, target.database), (false, None));

    let target = parse("redis://cache.internal:7000/3").target;
    assert_eq!(
        target.address,
        Address::Server(node("cache.internal", 7000))
    );
    assert_eq!(target.database, Some(3));

    assert_eq!(
        parse("redis://[::1]:7000/").target.address,
        Address::Server(node("::1", 7000))
    );
    assert_eq!(
        parse("redis://[::1]").target.address,
        Address::Server(node("::1", 6379))
    );
}

#[test]
fn credentials_are_percent_decoded() {
    let target = parse("redis://app%40shop:p%40ss%2Fw%3Ard@db:1/2").target;
    assert_eq!(target.username.as_deref(), Some("app@shop"));
    assert_eq!(target.password.unwrap().reveal(), "p@ss/w:rd");
    // A password with an `@` in the clear is understood too: the last one ends the credentials.
    assert_eq!(
        parse("redis://:p@ss@db").target.password.unwrap().reveal(),
        "p@ss"
    );
}

#[test]
fn every_scheme_has_its_twin_for_valkey_and_for_tls() {
    for (scheme, tls) in [
        ("redis", false),
        ("rediss", true),
        ("valkey", false),
        ("valkeys", true),
    ] {
        let target = parse(&format!("{scheme}://h")).target;
        assert_eq!(
            (target.address, target.tls),
            (Address::Server(node("h", 6379)), tls),
            "{scheme}"
        );
        let target = parse(&format!("{scheme}-cluster://a,b:7?node=c:8")).target;
        let nodes = vec![node("a", 6379), node("b", 7), node("c", 8)];
        assert_eq!(
            (target.address, target.tls),
            (Address::Cluster(nodes), tls),
            "{scheme}"
        );
        let url = format!("{scheme}-sentinel://s/2?sentinel_service=main&sentinel_password=x");
        let target = parse(&url).target;
        assert_eq!((target.tls, target.database), (tls, Some(2)), "{scheme}");
        assert!(
            matches!(target.address, Address::Sentinel { service, .. } if service == "main"),
            "{scheme}"
        );
    }
    assert_eq!(
        parse("valkey+unix:///run/v.sock").target.address,
        Address::Unix("/run/v.sock".into())
    );
}

#[test]
fn a_unix_socket_is_a_path_and_its_database_a_setting() {
    let target = parse("redis+unix://:pw@/run/my%20redis.sock?db=4").target;
    assert_eq!(target.address, Address::Unix("/run/my redis.sock".into()));
    assert_eq!(
        (target.database, target.password.unwrap().reveal()),
        (Some(4), "pw")
    );
}

#[test]
fn memory_has_no_address_but_its_settings_are_checked() {
    assert_eq!(parse("memory:").target.address, Address::Memory);
    assert_eq!(parse("memory://").target.address, Address::Memory);
    assert_eq!(parse("memory:?in_flight=3").overrides.in_flight, Some(3));
    assert_eq!(
        refused("memory:here"),
        OpenError::Address("`memory:` has no address")
    );
    assert_eq!(
        refused("memory:?ttl=3"),
        OpenError::UnknownOption("ttl".into())
    );
}

#[test]
fn settings_are_read_from_the_query() {
    let url = "redis://h?command_timeout=20ms&in_flight=9&stall_age=1s&reconnect_after_timeouts=2&connect_timeout=3s\
               &reconnect_after_silence=40ms&tcp_user_timeout=5s&probe_interval=6s";
    let expected = Overrides {
        command_timeout: Some(Duration::from_millis(20)),
        stall_age: Some(Duration::from_secs(1)),
        in_flight: Some(9),
        reconnect_after_timeouts: Some(2),
        reconnect_after_silence: Some(Duration::from_millis(40)),
        connect_timeout: Some(Duration::from_secs(3)),
        tcp_user_timeout: Some(Duration::from_secs(5)),
        probe_interval: Some(Duration::from_secs(6)),
    };
    assert_eq!(parse(url).overrides, expected);
}

#[test]
fn files_of_tls_are_for_urls_with_tls() {
    for url in [
        "rediss://h?ca=/ca.pem&cert=/c.pem&key=/k.pem",
        "valkeys-cluster://h?ca=/ca.pem&cert=/c.pem&key=/k.pem",
        "rediss-sentinel://h?sentinel_service=s&ca=/ca.pem&cert=/c.pem&key=/k.pem",
    ] {
        let tls = parse(url).tls;
        assert!(
            tls.roots.is_some() && tls.chain.is_some() && tls.key.is_some(),
            "{url}"
        );
    }
    assert!(parse("rediss://h").tls.roots.is_none());
}

#[test]
fn what_is_not_understood_is_named() {
    for (url, named) in [
        ("localhost:6379", "scheme `localhost`"),
        ("http://h", "scheme `http`"),
        ("rediss+unix:///x", "scheme `rediss+unix`"),
        ("redis:h", "`//`"),
        ("redis://", "host"),
        ("redis://h:port", "port"),
        ("redis://h:70000", "port"),
        ("redis://[::1", "`]`"),
        ("redis://h/one", "database `one`"),
        ("redis://h/256", "database `256`"),
        ("redis-cluster://h/1", "cluster"),
        ("redis-sentinel://h", "`sentinel_service`"),
        ("redis+unix://", "path"),
        ("redis+unix://h/x", "unix socket"),
        ("redis://h?ttl=1s", "`ttl`"),
        ("redis://h?node=x", "`node`"),
        ("redis://h?ca=/ca.pem", "`ca`"),
        ("redis+unix:///s?cert=/c.pem&key=/k.pem", "`cert`"),
        ("redis://h?command_timeout=20", "`command_timeout`"),
        ("redis://h?command_timeout=0ms", "`command_timeout`"),
        ("redis://h?command_timeout=1h", "`1h`"),
        ("redis://h?in_flight=0", "`in_flight`"),
        ("redis://h?in_flight=many", "`many`"),
        ("redis://word@h", ":password@"),
    ] {
        let message = refused(url).to_string();
        assert!(message.contains(named), "{url}: {message}");
    }
}

proptest! {
    /// Passwords end up in the wrong part of a URL when they are not percent-encoded. Wherever that is, no error and
    /// no `Debug` shows them.
    #[test]
    fn a_password_never_shows(
        head in "[!-~]{0,6}",
        tail in "[!-~]{0,6}",
        url in prop::sample::select(vec![
            "redis://app:{}@db.internal:6379/1?command_timeout=20ms",
            "redis://:{}@[::1]:1",
            "redis+unix://:{}@/run/redis.sock",
            "redis-cluster://app:{}@a:1,b:2",
            "redis-sentinel://:{}@s:1/2?sentinel_service=main&sentinel_password={}",
            "redis://:{}@db:port",
            "app:{}@db.internal",
        ]),
    ) {
        const SECRET: &str = "hunter2hunter2";
        let url = url.replace("{}", &format!("{head}{SECRET}{tail}"));
        let shown = match url.parse::<ConnectionUrl>() {
            Ok(parsed) => format!("{parsed:?} {:#?} {}", parsed, parsed.target),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!shown.contains(SECRET), "{url}: {shown}");
    }
}
