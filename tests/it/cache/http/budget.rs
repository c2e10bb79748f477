//! Several layers on a Redis that is slow or silent, and one request that has only so much time for all of them.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use testkit::{
    RedisServer,
    proxy::{Direction, FaultProxy},
};
use tokio::time::timeout;
use tower::{Service, ServiceExt, service_fn, util::BoxCloneService};
use tower_keep_cache::{Cache, Freshness};
use tower_keep_core::{Body, Namespace, RedisBudgetLayer, connection::ConnectionManager};
use tower_layer::Layer;

use super::site::{MINUTE, Runs, SOON, ask, get, hit};

type Ask = Request<Empty<Bytes>>;

/// No deadline of its own ends before the test gives up, and nothing is sent but what requests send.
const FOR_EVER: &str =
    "command_timeout=3600s&stall_age=3600s&reconnect_after_silence=3600s&probe_interval=3600s";

/// A cache with a manager of its own, behind a proxy of its own.
struct Floor {
    cache: Cache,
    proxy: FaultProxy,
}

impl Floor {
    async fn new(server: &RedisServer, name: &str) -> Self {
        let proxy = FaultProxy::start(server.address()).await;
        let url = format!("redis://{}?{FOR_EVER}", proxy.address());
        let manager = ConnectionManager::open(&url).unwrap();
        manager.connected(SOON).await.unwrap();
        let namespace = Namespace::new(name).unwrap();
        let cache = Cache::new(manager).namespace(&namespace);
        Self { cache, proxy }
    }

    fn sent(&self) -> u64 {
        self.proxy.bytes(Direction::ToServer)
    }
}

/// Four caches around each other, the first one outermost, and a handler that uses a fifth.
struct Tower {
    _server: RedisServer,
    floors: Vec<Floor>,
    runs: Runs,
}

impl Tower {
    async fn new() -> Self {
        let server = RedisServer::start().await;
        let mut floors = Vec::new();
        for name in ["first", "second", "third", "fourth", "handler"] {
            floors.push(Floor::new(&server, name).await);
        }
        Self {
            _server: server,
            floors,
            runs: Runs::default(),
        }
    }

    fn service(
        &self,
        budget: RedisBudgetLayer,
    ) -> BoxCloneService<Ask, Response<Pages>, Infallible> {
        let (handler, layers) = self.floors.split_last().unwrap();
        let [first, second, third, fourth] = layers else {
            panic!("four layers");
        };
        let (runs, values) = (self.runs.clone(), handler.cache.clone());
        let page = service_fn(move |_: Ask| {
            let (run, values) = (runs.next(), values.clone());
            async move {
                let load = move || async move { Ok::<_, Infallible>(run) };
                let value = values
                    .get_or_load("value", Freshness::ttl(MINUTE), load)
                    .await;
                Ok::<_, Infallible>(Response::new(Full::from(value.unwrap().to_string())))
            }
        });
        let around = |floor: &Floor| floor.cache.layer().ttl(MINUTE);
        let page = around(third).layer(around(fourth).layer(page));
        BoxCloneService::new(budget.layer(around(first).layer(around(second).layer(page))))
    }

    fn sent(&self) -> Vec<u64> {
        self.floors.iter().map(Floor::sent).collect()
    }

    fn each(&self, fault: impl Fn(&FaultProxy)) {
        self.floors.iter().for_each(|floor| fault(&floor.proxy));
    }
}

type Pages = Body<Body<Body<Body<Full<Bytes>>>>>;

#[tokio::test]
async fn four_layers_on_a_silent_redis_cost_a_request_one_budget() {
    let tower = Tower::new().await;
    let service = tower.service(RedisBudgetLayer::new(Duration::from_millis(100)));
    let before = tower.sent();
    tower.each(|proxy| proxy.black_hole(Direction::ToClient));

    // Without a budget it would wait for an hour, nine times.
    let answer = timeout(SOON, ask(&service, get("/"))).await.unwrap();
    assert_eq!(answer.text(), "1");
    let away = answer.headers.get_all("cache-status").iter();
    let away = away.filter(|status| status.to_str().unwrap().contains("redis-away"));
    assert_eq!(away.count(), 4, "{answer:?}");
    let after = tower.sent();
    assert!(after[0] > before[0], "the first one has asked");
    assert_eq!(after[1..], before[1..], "nothing was left for the others");
}

#[tokio::test]
async fn layers_on_a_slow_redis_share_what_a_request_may_wait() {
    let tower = Tower::new().await;
    let slow = Duration::from_millis(60);
    tower.each(|proxy| proxy.delay(Direction::ToClient, slow));
    // Enough for the first one, a look and a lease; never for all of them, which would wait nine times.
    let service = tower.service(RedisBudgetLayer::new(4 * slow));
    let before = tower.sent();
    let answer = timeout(SOON, ask(&service, get("/"))).await.unwrap();
    assert_eq!(answer.text(), "1");
    assert!(answer.handling().contains("fwd=uri-miss"), "{answer:?}");
    let after = tower.sent();
    assert_eq!(after[3..], before[3..], "nothing was left for the last two");

    // What was stored without the client having to wait is there for the next, who has time for a look.
    tower.each(FaultProxy::heal);
    assert_eq!(hit(&service, "/").await.text(), "1");
    assert_eq!(tower.runs.count(), 1);
}

#[tokio::test]
async fn a_slow_redis_is_not_taken_for_a_dead_one_because_requests_have_little_time() {
    let tower = Tower::new().await;
    tower.each(|proxy| proxy.delay(Direction::ToClient, Duration::from_millis(60)));
    let hasty = tower.service(RedisBudgetLayer::new(Duration::from_millis(5)));
    for request in 0..10 {
        ask(&hasty, get(&format!("/{request}"))).await;
    }
    let first = &tower.floors[0];
    assert!(first.cache.health().is_up(), "{}", first.cache.health());
    let patient = tower.service(RedisBudgetLayer::new(MINUTE));
    hit(&patient, "/").await;
}

#[tokio::test]
async fn an_invalidation_is_sent_although_the_request_has_no_time_left() {
    let tower = Tower::new().await;
    let cache = tower.floors[0].cache.clone();
    let invalidated = cache.clone();
    let edit = service_fn(move |_: Ask| {
        let cache = invalidated.clone();
        async move { Ok::<_, Infallible>(Response::new(cache.invalidate(["page"]).await.is_ok())) }
    });
    let mut edit = RedisBudgetLayer::new(Duration::ZERO).layer(edit);
    let edit = ServiceExt::<Ask>::ready(&mut edit).await.unwrap();
    assert!(edit.call(get("/")).await.unwrap().into_body());
    assert_eq!(cache.pending_invalidations(), 0);
}
