//! What each operation does, on both stores.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::HeaderValue;

use super::keep::{Keep, ids, key, tags};
use crate::{
    entry::Entry,
    key::EntryKey,
    policy::VariantId,
    store::{
        Begin, Elsewhere, Found, Lease, Lookup, MissCause, RefusedCause, Revision, Store, Stored,
    },
};

pub(super) const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn entry(text: &'static str) -> Arc<Entry> {
    Entry::value(0, 0, Bytes::from_static(text.as_bytes()), 0, MINUTE).into()
}

pub(super) async fn lease(store: &Store, number: usize, expected: u8) -> Lease {
    match store
        .begin_fill(&key(number), &ids(expected))
        .await
        .unwrap()
    {
        Begin::Lease(lease) => lease,
        other => panic!("no lease: {other:?}"),
    }
}

pub(super) async fn body(store: &Store, number: usize, expected: u8) -> Result<Bytes, MissCause> {
    match store.lookup(&key(number), &tags(expected)).await.unwrap() {
        Lookup::Hit(Found { entry, .. }) => Ok(entry.body.clone()),
        Lookup::Miss(cause) => Err(cause),
    }
}

pub(super) async fn fill(store: &Store, number: usize, own: u8, text: &'static str) -> Stored {
    let lease = lease(store, number, own).await;
    store
        .store(&key(number), lease, &ids(own), &entry(text), MINUTE, None)
        .await
        .unwrap()
}

async fn both() -> [Keep; 2] {
    let mut both = [Keep::memory(), Keep::redis(str::to_owned).await];
    for keep in &mut both {
        keep.set_clock(1000).await;
    }
    both
}

#[tokio::test]
async fn what_is_stored_is_found_until_one_of_its_tags_is_invalidated() {
    for keep in both().await {
        let store = keep.store();
        assert_eq!(body(&store, 0, 3).await, Err(MissCause::Absent));
        assert_eq!(fill(&store, 0, 3, "a").await, Stored::Stored);
        assert_eq!(fill(&store, 1, 6, "b").await, Stored::Stored);
        for expected in 0..8 {
            assert_eq!(
                body(&store, 0, expected).await.unwrap(),
                "a",
                "{keep:?} {expected}"
            );
        }
        store.invalidate(&ids(1), Duration::ZERO).await.unwrap();
        assert_eq!(body(&store, 0, 3).await, Err(MissCause::Invalidated));
        assert_eq!(body(&store, 1, 6).await.unwrap(), "b");
        assert_eq!(fill(&store, 0, 3, "c").await, Stored::Stored, "{keep:?}");
        assert_eq!(body(&store, 0, 3).await.unwrap(), "c");
    }
}

#[tokio::test]
async fn a_hit_says_which_tags_the_entry_was_stored_with() {
    for keep in both().await {
        let store = keep.store();
        fill(&store, 0, 3, "a").await;
        let found = store.lookup(&key(0), &tags(4)).await.unwrap();
        let Lookup::Hit(Found { entry, tags, .. }) = found else {
            panic!("{found:?}")
        };
        assert_eq!((&entry.body[..], &tags[..]), (&b"a"[..], &ids(3)[..]));
    }
}

#[tokio::test]
async fn one_at_a_time_may_fill() {
    for keep in both().await {
        let store = keep.store();
        let first = lease(&store, 0, 3).await;
        let second = store.begin_fill(&key(0), &ids(3)).await.unwrap();
        let Begin::Held { remaining } = second else {
            panic!("{second:?}")
        };
        assert!(remaining <= Lease::TTL);
        lease(&store, 1, 6).await;
        assert!(store.renew(&key(0), &first).await.unwrap());
        store.release(&key(0), first.clone()).await.unwrap();
        assert!(!store.renew(&key(0), &first).await.unwrap());
        let second = lease(&store, 0, 3).await;
        let refused = store
            .store(&key(0), first.clone(), &ids(3), &entry("a"), MINUTE, None)
            .await
            .unwrap();
        assert_eq!(refused, Stored::Refused(RefusedCause::LeaseLost));
        store.release(&key(0), first).await.unwrap();
        let stored = store
            .store(&key(0), second, &ids(3), &entry("b"), MINUTE, None)
            .await
            .unwrap();
        assert_eq!(
            stored,
            Stored::Stored,
            "{keep:?}: another's lease was taken away"
        );
    }
}

#[tokio::test]
async fn a_lease_is_spent_whatever_the_answer() {
    for keep in both().await {
        let store = keep.store();
        for invalidated in [false, true] {
            let mine = lease(&store, 0, 3).await;
            if invalidated {
                store.invalidate(&ids(2), Duration::ZERO).await.unwrap();
            }
            let first = store
                .store(&key(0), mine.clone(), &ids(3), &entry("a"), MINUTE, None)
                .await
                .unwrap();
            assert_eq!(first == Stored::Stored, !invalidated);
            let second = store
                .store(&key(0), mine, &ids(3), &entry("a"), MINUTE, None)
                .await
                .unwrap();
            assert_eq!(second, Stored::Refused(RefusedCause::LeaseLost), "{keep:?}");
        }
    }
}

#[tokio::test]
async fn a_fill_that_an_invalidation_overtakes_is_refused_and_waits_for_nobody() {
    for keep in both().await {
        let store = keep.store();
        let overtaken = lease(&store, 0, 3).await;
        store.invalidate(&ids(1), Duration::ZERO).await.unwrap();
        let next = lease(&store, 0, 3).await;
        let refused = store
            .store(&key(0), overtaken, &ids(3), &entry("a"), MINUTE, None)
            .await
            .unwrap();
        assert_eq!(refused, Stored::Refused(RefusedCause::LeaseLost));
        let stored = store
            .store(&key(0), next, &ids(3), &entry("b"), MINUTE, None)
            .await
            .unwrap();
        assert_eq!(stored, Stored::Stored, "{keep:?}");
    }
}

#[tokio::test]
async fn an_invalidation_of_another_tag_refuses_no_fill_that_named_its_tags() {
    for keep in both().await {
        let store = keep.store();
        let named = lease(&store, 0, 3).await;
        store.invalidate(&ids(4), Duration::ZERO).await.unwrap();
        let stored = store
            .store(&key(0), named, &ids(3), &entry("a"), MINUTE, None)
            .await
            .unwrap();
        assert_eq!(stored, Stored::Stored, "{keep:?}");
    }
}

/// Nobody can say whether a new tag was invalidated during the fill, if anything was. Once only: the
/// refused fill leaves the tag behind.
#[tokio::test]
async fn a_new_tag_that_nobody_expected_is_refused_once_if_anything_was_invalidated() {
    for keep in both().await {
        let store = keep.store();
        for (attempt, expected) in [
            (1, Stored::Refused(RefusedCause::Invalidated)),
            (2, Stored::Stored),
        ] {
            let surprised = lease(&store, 0, 1).await;
            store.invalidate(&ids(4), Duration::ZERO).await.unwrap();
            let stored = store
                .store(&key(0), surprised, &ids(3), &entry("a"), MINUTE, None)
                .await
                .unwrap();
            assert_eq!(stored, expected, "{keep:?} {attempt}");
        }
    }
}

#[tokio::test]
async fn a_flush_makes_everything_unusable_and_voids_every_fill() {
    for keep in both().await {
        let store = keep.store();
        fill(&store, 0, 3, "a").await;
        fill(&store, 1, 0, "b").await;
        let running = lease(&store, 1, 0).await;
        store.flush().await.unwrap();
        assert_eq!(body(&store, 0, 3).await, Err(MissCause::Invalidated));
        assert_eq!(body(&store, 1, 0).await, Err(MissCause::Invalidated));
        let next = lease(&store, 1, 0).await;
        let refused = store
            .store(&key(1), running, &[], &entry("c"), MINUTE, None)
            .await
            .unwrap();
        assert_eq!(refused, Stored::Refused(RefusedCause::LeaseLost));
        let stored = store
            .store(&key(1), next, &[], &entry("d"), MINUTE, None)
            .await
            .unwrap();
        assert_eq!(stored, Stored::Stored, "{keep:?}");
    }
}

#[tokio::test]
async fn a_hold_keeps_fills_of_its_tags_from_being_stored_until_it_is_over() {
    for mut keep in both().await {
        let store = keep.store();
        fill(&store, 0, 3, "a").await;
        fill(&store, 1, 4, "b").await;
        // Both fills have moved the clock by one.
        store
            .invalidate(&ids(1), Duration::from_micros(500))
            .await
            .unwrap();
        let held = store.begin_fill(&key(0), &ids(3)).await.unwrap();
        assert_eq!(
            held,
            Begin::NoStoreUntil(Duration::from_micros(500)),
            "{keep:?}"
        );
        keep.set_clock(1502).await;
        let held = store.begin_fill(&key(0), &ids(3)).await.unwrap();
        assert_eq!(
            held,
            Begin::NoStoreUntil(Duration::from_micros(1)),
            "{keep:?}"
        );
        assert_eq!(fill(&store, 1, 4, "b").await, Stored::Stored, "{keep:?}");
        keep.set_clock(1503).await;
        assert_eq!(fill(&store, 0, 3, "c").await, Stored::Stored, "{keep:?}");
    }
}

#[tokio::test]
async fn who_waits_learns_of_the_entry_and_of_a_lease_that_is_gone_or_void() {
    for keep in both().await {
        let store = keep.store();
        let poll = async || {
            let polled = store.poll(&key(0), &ids(1)).await.unwrap();
            (matches!(polled.found, Lookup::Hit(_)), polled.held)
        };
        assert_eq!(poll().await, (false, false));
        let mine = lease(&store, 0, 1).await;
        assert_eq!(poll().await, (false, true));
        store
            .store(&key(0), mine, &ids(3), &entry("a"), MINUTE, None)
            .await
            .unwrap();
        assert_eq!(poll().await, (true, false), "{keep:?}");
        let again = lease(&store, 0, 1).await;
        assert_eq!(poll().await, (true, true), "{keep:?}");
        store.release(&key(0), again).await.unwrap();
        store.invalidate(&ids(2), Duration::ZERO).await.unwrap();
        assert_eq!(poll().await, (false, false));
        lease(&store, 0, 1).await;
        assert_eq!(poll().await, (false, true));
        store.invalidate(&ids(1), Duration::ZERO).await.unwrap();
        let void = (false, false);
        assert_eq!(
            poll().await,
            void,
            "{keep:?}: nobody waits for a void lease"
        );
    }
}

#[tokio::test]
async fn more_tags_than_an_entry_can_name_are_refused() {
    for keep in both().await {
        let store = keep.store();
        let mine = lease(&store, 0, 0).await;
        let many = vec![ids(1)[0]; 256];
        let refused = store
            .store(&key(0), mine, &many, &entry("a"), MINUTE, None)
            .await
            .unwrap();
        assert_eq!(
            refused,
            Stored::Refused(RefusedCause::TooManyTags),
            "{keep:?}"
        );
        assert_eq!(fill(&store, 0, 1, "b").await, Stored::Stored);
    }
}

#[tokio::test]
async fn a_life_and_a_hold_without_end_end_in_a_year() {
    for keep in both().await {
        let store = keep.store();
        let mine = lease(&store, 0, 1).await;
        let stored = store
            .store(&key(0), mine, &ids(1), &entry("a"), Duration::MAX, None)
            .await
            .unwrap();
        assert_eq!(stored, Stored::Stored, "{keep:?}");
        assert_eq!(body(&store, 0, 1).await.unwrap(), "a");
        store.invalidate(&ids(1), Duration::MAX).await.unwrap();
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        let held = store.begin_fill(&key(0), &ids(1)).await.unwrap();
        assert_eq!(held, Begin::NoStoreUntil(year), "{keep:?}");
    }
}

#[tokio::test]
async fn a_new_head_is_put_before_the_body_that_was_asked_about_and_no_other() {
    let response = |name: &'static str, value: &'static str, body: &'static str| {
        let mut entry = Entry::value(0, 0, Bytes::from_static(body.as_bytes()), 0, MINUTE);
        entry.headers.insert(name, HeaderValue::from_static(value));
        entry.trailers = Some(entry.headers.clone());
        Arc::new(entry)
    };
    for keep in both().await {
        let store = keep.store();
        let put = async |own: u8, entry: &Arc<Entry>, renewed: Option<Revision>| {
            let lease = lease(&store, 0, own).await;
            let (key, own) = (key(0), ids(own));
            store
                .store(&key, lease, &own, entry, MINUTE, renewed)
                .await
                .unwrap()
        };
        let look = async || match store.lookup(&key(0), &tags(3)).await.unwrap() {
            Lookup::Hit(Found {
                entry, revision, ..
            }) => (entry, revision),
            Lookup::Miss(cause) => panic!("{cause:?}"),
        };
        let first = response("x-old", "1", "a body");
        assert_eq!(put(1, &first, None).await, Stored::Stored);
        let (found, revision) = look().await;

        let mut updated = Entry::clone(&found);
        let longer = "longer than what was there before it";
        updated
            .headers
            .insert("x-new-and-", longer.parse().unwrap());
        updated.stored_at = 5;
        let updated = Arc::new(updated);
        assert_eq!(put(3, &updated, Some(revision)).await, Stored::Stored);
        let (found, again) = look().await;
        assert_eq!(found, updated, "{keep:?}");
        assert_ne!(again, revision);

        let refused = put(3, &first, Some(revision)).await;
        assert_eq!(refused, Stored::Refused(RefusedCause::Replaced), "{keep:?}");
        assert_eq!(look().await.1, again);
    }
}

#[tokio::test]
async fn a_variant_is_kept_apart_and_its_page_says_what_it_varies_on() {
    let [small, large] = [[1; 16], [2; 16]].map(|id| key(0).variant(VariantId(id)));
    let elsewhere = |key: &EntryKey, text| Elsewhere {
        key: key.clone(),
        variants: Some((self::key(0), entry(text))),
    };
    for keep in both().await {
        let store = keep.store();
        let body_at = async |key: &EntryKey| match store.lookup(key, &[]).await.unwrap() {
            Lookup::Hit(found) => Some(found.entry.body.clone()),
            Lookup::Miss(_) => None,
        };
        // The one that was asked for the page, and then one that was asked for the variant.
        let mine = lease(&store, 0, 0).await;
        let stored = store
            .store_elsewhere(
                &key(0),
                mine,
                &ids(1),
                &entry("small"),
                MINUTE,
                &elsewhere(&small, "1"),
            )
            .await;
        assert_eq!(stored.unwrap(), Stored::Stored, "{keep:?}");
        let Begin::Lease(mine) = store.begin_fill(&large, &[]).await.unwrap() else {
            panic!("no lease");
        };
        let stored = store
            .store_elsewhere(
                &large,
                mine,
                &ids(2),
                &entry("large"),
                MINUTE,
                &elsewhere(&large, "2"),
            )
            .await;
        assert_eq!(stored.unwrap(), Stored::Stored, "{keep:?}");
        assert_eq!(body_at(&small).await.unwrap(), "small");
        assert_eq!(body_at(&large).await.unwrap(), "large");
        assert_eq!(body_at(&key(0)).await.unwrap(), "2");

        store.invalidate(&ids(1), Duration::ZERO).await.unwrap();
        assert_eq!(body_at(&small).await, None, "{keep:?}");
        assert_eq!(body_at(&large).await.unwrap(), "large");

        // What was asked for before an invalidation is refused wherever it goes, and the page stays as it was.
        let late = lease(&store, 0, 0).await;
        store.invalidate(&ids(1), Duration::ZERO).await.unwrap();
        let stored = store
            .store_elsewhere(
                &key(0),
                late,
                &ids(1),
                &entry("late"),
                MINUTE,
                &elsewhere(&small, "3"),
            )
            .await;
        let refused = Stored::Refused(RefusedCause::Invalidated);
        assert_eq!(stored.unwrap(), refused, "{keep:?}");
        assert_eq!(body_at(&small).await, None, "{keep:?}");
        assert_eq!(body_at(&key(0)).await.unwrap(), "2");

        // One that has no variants any more takes the place of the page.
        let Begin::Lease(mine) = store.begin_fill(&large, &[]).await.unwrap() else {
            panic!("no lease");
        };
        let page = Elsewhere {
            key: key(0),
            variants: None,
        };
        let stored = store
            .store_elsewhere(&large, mine, &ids(2), &entry("one for all"), MINUTE, &page)
            .await;
        assert_eq!(stored.unwrap(), Stored::Stored, "{keep:?}");
        assert_eq!(body_at(&key(0)).await.unwrap(), "one for all");
    }
}
