//! `get_or_load`, `put`, `invalidate` and `flush`, as a handler uses them.

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use serde::{Deserialize, Serialize};
use testkit::eventually;
use tower_keep_cache::{Cache, Freshness, LoadError, PutError};
use tower_keep_core::connection::ConnectionManager;

use super::setup::{Row, SOON, shared, tagged};

async fn backends() -> [Cache; 2] {
    let memory = Cache::new(ConnectionManager::open("memory:").unwrap());
    [memory, shared().await]
}

async fn read(cache: &Cache, key: &str, tag: &str, row: &Row) -> u64 {
    let row = row.clone();
    let load = move || async move { Ok::<_, Infallible>(row.read()) };
    cache.get_or_load(key, tagged(tag), load).await.unwrap()
}

#[tokio::test]
async fn a_value_is_loaded_once_and_again_after_its_tag_was_invalidated() {
    for cache in backends().await {
        let row = Row::default();
        assert_eq!(read(&cache, "key", "tag", &row).await, 0);
        row.write();
        assert_eq!(read(&cache, "key", "tag", &row).await, 0);
        cache.invalidate(["other"]).await.unwrap();
        assert_eq!(read(&cache, "key", "tag", &row).await, 0);
        cache.invalidate(["other", "tag"]).await.unwrap();
        assert_eq!(read(&cache, "key", "tag", &row).await, 1);
        row.write();
        cache.flush().await.unwrap();
        assert_eq!(read(&cache, "key", "tag", &row).await, 2);
    }
}

#[tokio::test]
async fn a_value_ends_with_its_time_to_live() {
    for cache in backends().await {
        let row = Row::default();
        let read = || {
            let row = row.clone();
            let freshness = Freshness::ttl(Duration::from_millis(300));
            cache.get_or_load("key", freshness, move || async move {
                Ok::<_, Infallible>(row.read())
            })
        };
        assert_eq!(read().await.unwrap(), 0);
        row.write();
        assert_eq!(read().await.unwrap(), 0);
        eventually(SOON, async || read().await.unwrap() == 1).await;
    }
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Product {
    name: String,
    prices: BTreeMap<String, u32>,
    note: Option<String>,
}

#[tokio::test]
async fn what_comes_from_the_cache_is_what_was_loaded() {
    for cache in backends().await {
        let product = || Product {
            name: "Wörterbuch \u{1F4D6}".into(),
            prices: [("EUR".into(), 1995), ("CHF".into(), 2390)].into(),
            note: None,
        };
        for _ in 0..2 {
            let load = move || async move { Ok::<_, Infallible>(product()) };
            assert_eq!(
                cache.get_or_load("p", tagged("t"), load).await.unwrap(),
                product()
            );
        }
    }
}

#[tokio::test]
async fn a_value_of_another_type_is_loaded_again_and_versions_of_a_type_live_side_by_side() {
    for cache in backends().await {
        let text = |schema, text: &'static str| {
            let load = move || async move { Ok::<_, Infallible>(text.to_owned()) };
            cache.get_or_load("key", tagged("tag").schema(schema), load)
        };
        assert_eq!(text(0, "one").await.unwrap(), "one");
        let number = cache.get_or_load("key", tagged("tag"), || async { Ok::<_, Infallible>(7) });
        assert_eq!(number.await.unwrap(), 7);
        assert_eq!(
            text(0, "two").await.unwrap(),
            "two",
            "the number took its place"
        );
        assert_eq!(text(1, "three").await.unwrap(), "three");
        assert_eq!(text(0, "four").await.unwrap(), "two");
        assert_eq!(text(1, "five").await.unwrap(), "three");
    }
}

#[tokio::test]
async fn a_value_depends_on_everything_that_its_loader_used() {
    for cache in backends().await {
        let (outer, inner, known_late) = (Row::default(), Row::default(), Row::default());
        let read_all = || {
            let (nested, inner, outer, late) = (
                cache.clone(),
                inner.clone(),
                outer.clone(),
                known_late.clone(),
            );
            let load = move || async move {
                Cache::tag("late");
                let inner = read(&nested, "inner", "inner", &inner).await;
                Ok::<_, Infallible>((outer.read(), inner, late.read()))
            };
            cache.get_or_load("outer", tagged("outer"), load)
        };
        assert_eq!(read_all().await.unwrap(), (0, 0, 0));
        inner.write();
        cache.invalidate(["inner"]).await.unwrap();
        assert_eq!(read_all().await.unwrap(), (0, 1, 0));
        known_late.write();
        cache.invalidate(["late"]).await.unwrap();
        assert_eq!(read_all().await.unwrap(), (0, 1, 1));
        // The inner value is a hit this time, and its tag counts as well.
        inner.write();
        cache.invalidate(["inner"]).await.unwrap();
        assert_eq!(read_all().await.unwrap(), (0, 2, 1));
        outer.write();
        assert_eq!(read_all().await.unwrap(), (0, 2, 1));
    }
}

#[tokio::test]
async fn a_put_replaces_what_is_cached() {
    for cache in backends().await {
        let row = Row::default();
        assert_eq!(read(&cache, "key", "tag", &row).await, 0);
        row.write();
        let fresh = row.clone();
        let load = move || async move { Ok::<_, Infallible>(fresh.read()) };
        assert_eq!(cache.put("key", tagged("tag"), load).await.unwrap(), 1);
        row.write();
        assert_eq!(
            read(&cache, "key", "tag", &row).await,
            1,
            "found, not loaded"
        );
    }
}

#[tokio::test]
async fn a_put_that_cannot_store_says_why() {
    for cache in backends().await {
        let cache = cache.max_entry_bytes(100);
        let failing = || async { Err::<u32, _>("no such row") };
        let failed = cache.put("key", tagged("tag"), failing).await;
        assert!(
            matches!(failed, Err(PutError::Load("no such row"))),
            "{failed:?}"
        );
        let large = || async { Ok::<_, Infallible>("x".repeat(200)) };
        let refused = cache.put("key", tagged("tag"), large).await;
        assert!(
            matches!(refused, Err(PutError::TooLarge { bytes: 202 })),
            "{refused:?}"
        );
        let tags = (0..300).map(|n| n.to_string());
        let many = cache
            .put("key", tagged("tag").tags(tags), || async {
                Ok::<_, Infallible>(1)
            })
            .await;
        assert!(matches!(many, Err(PutError::TooManyTags)), "{many:?}");
        let row = Row::default();
        assert_eq!(
            read(&cache, "key", "tag", &row).await,
            0,
            "and the key is free again"
        );
    }
}

/// C11: two writers, and the first one's value arrives last. A loader that hands on what was read before the token
/// brings the old state back, and no rule of the store can see it; one that reads does not.
#[tokio::test]
async fn put_of_a_value_read_before_the_token_brings_back_the_old_state_and_a_loader_that_reads_does_not()
 {
    for (reads_again, expected) in [(false, 1), (true, 2)] {
        for cache in backends().await {
            let row = Row::default();
            row.write();
            let in_hand = row.read();
            row.write();
            cache.invalidate(["tag"]).await.unwrap();
            let fresh = row.clone();
            let load = move || async move {
                Ok::<_, Infallible>(if reads_again { fresh.read() } else { in_hand })
            };
            cache.put("key", tagged("tag"), load).await.unwrap();
            assert_eq!(read(&cache, "key", "tag", &row).await, expected);
        }
    }
}

#[tokio::test]
async fn errors_say_what_is_wrong_and_keep_their_source() {
    for cache in backends().await {
        let load = || async { Err::<u32, _>(std::io::Error::other("no such table")) };
        let error = cache
            .get_or_load("key", tagged("tag"), load)
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the value could not be loaded: no such table"
        );
        assert!(std::error::Error::source(&error).is_some());
        assert!(matches!(error, LoadError::Load(_)));
    }
}

#[tokio::test]
async fn times_without_end_are_times_like_others() {
    for cache in backends().await {
        let cache = cache
            .fill_timeout(Duration::MAX)
            .wait_timeout(Duration::MAX);
        let loaded = cache.get_or_load("key", Freshness::ttl(Duration::MAX), || async {
            Ok::<_, Infallible>(1)
        });
        assert_eq!(loaded.await.unwrap(), 1);
        let found = cache.get_or_load("key", Freshness::ttl(Duration::MAX), || async {
            Ok::<_, Infallible>(2)
        });
        assert_eq!(found.await.unwrap(), 1);
    }
}
