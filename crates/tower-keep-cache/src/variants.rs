//! Which of its variants of a page answers a request.
//!
//! The answer to the first request for a page says on which request headers it depends, if on any. From then on each
//! variant has a key of its own, and under the page's key stands what they vary on. What a process remembers of that
//! spares it the look there. It is only ever a hint: each entry says itself whom it answers, and is asked.

use std::{
    collections::hash_map::Entry as Slot,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use crate::{
    entry::{Entry, Kind},
    key::{EntryKey, HashOnlyMap},
    policy::{LONGEST, Staleness, VariantId, Vary},
};

/// So many pages are remembered, twice; the ones that were asked for longest ago are forgotten.
const GENERATION: usize = 4096;

/// What one route remembers of its pages.
#[derive(Debug, Default)]
pub(crate) struct Variants {
    /// Most routes have none, and no request of theirs takes a lock to learn that.
    any: AtomicBool,
    pages: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashOnlyMap<Page>,
    old: HashOnlyMap<Page>,
}

#[derive(Debug, Default)]
struct Page {
    vary: Arc<Vary>,
    /// The variants that this process has stored, and when they end.
    stored: Vec<(VariantId, Instant)>,
}

impl Variants {
    /// The key under which the answer to a request is to be looked for, if it is known that the page has variants.
    pub(crate) fn key(&self, page: &EntryKey, request: &HeaderMap) -> Option<EntryKey> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let vary = self.with(page, |page| Arc::clone(&page.vary))?;
        (!vary.is_empty()).then(|| page.variant(vary.variant(request)))
    }

    /// Where to look for the answer to a request that `entry` is not: found for this page, it says where.
    pub(crate) fn elsewhere(
        &self,
        page: &EntryKey,
        entry: &Entry,
        keyed: &Vary,
        request: &HeaderMap,
    ) -> Option<EntryKey> {
        if entry.variant.is_none() && entry.kind == Kind::Response {
            return None;
        }
        let vary = Vary::of(&entry.headers).unwrap_or_default().beyond(keyed);
        let id = vary.variant(request);
        if entry.variant == Some(id) {
            return None;
        }
        self.remember(page, vary);
        Some(page.variant(id))
    }

    /// Whether there is room for a variant of a page, of which at most so many are kept; and takes it, for as long as
    /// it is kept. Each process counts its own.
    pub(crate) fn admits(
        &self,
        page: &EntryKey,
        vary: &Vary,
        id: VariantId,
        life: Duration,
        most: usize,
    ) -> bool {
        self.remember(page, vary.clone());
        let now = Instant::now();
        let admitted = self.with(page, |page| {
            page.stored
                .retain(|(known, end)| *known != id && *end > now);
            let admitted = page.stored.len() < most;
            if admitted {
                // What can not be counted is far enough.
                let end = now.checked_add(life).unwrap_or(now + FAR);
                page.stored.push((id, end));
            }
            admitted
        });
        admitted.unwrap_or(true)
    }

    /// An answer to whatever request has no variants any more.
    pub(crate) fn forget(&self, page: &EntryKey) {
        self.with(page, |page| *page = Page::default());
    }

    fn remember(&self, page: &EntryKey, vary: Vary) {
        self.any.store(true, Ordering::Relaxed);
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let known = pages.page(page);
        if *known.vary != vary {
            *known = Page {
                vary: Arc::new(vary),
                stored: Vec::new(),
            };
        }
    }

    fn with<R>(&self, page: &EntryKey, show: impl FnOnce(&mut Page) -> R) -> Option<R> {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.known(page).map(show)
    }
}

/// A year.
const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Generations {
    fn known(&mut self, key: &EntryKey) -> Option<&mut Page> {
        let is_known = self.young.contains_key(&key.hash()) || self.old.contains_key(&key.hash());
        is_known.then(|| self.page(key))
    }

    fn page(&mut self, key: &EntryKey) -> &mut Page {
        if self.young.len() >= GENERATION && !self.young.contains_key(&key.hash()) {
            self.old = std::mem::take(&mut self.young);
        }
        match self.young.entry(key.hash()) {
            Slot::Occupied(known) => known.into_mut(),
            Slot::Vacant(slot) => slot.insert(self.old.remove(&key.hash()).unwrap_or_default()),
        }
    }
}

/// What stands under the key of a page that has variants.
pub(crate) fn marker(vary: &Vary) -> Entry {
    Entry {
        kind: Kind::Variants,
        status: StatusCode::OK,
        headers: vary.to_headers(),
        body: Bytes::new(),
        trailers: None,
        stored_at: Entry::now(),
        ttl: LONGEST,
        stale: Staleness::default(),
        took: Duration::ZERO,
        variant: None,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue, header};

    use super::*;

    fn page(number: usize) -> EntryKey {
        EntryKey::from_parts(&[&number.to_le_bytes()])
    }

    fn languages() -> Vary {
        Vary::by(vec![header::ACCEPT_LANGUAGE])
    }

    fn speaking(language: &'static str) -> HeaderMap {
        [(header::ACCEPT_LANGUAGE, HeaderValue::from_static(language))]
            .into_iter()
            .collect()
    }

    fn answer(vary: &Vary, variant: Option<VariantId>) -> Entry {
        Entry {
            kind: Kind::Response,
            variant,
            ..marker(vary)
        }
    }

    #[test]
    fn an_entry_says_whom_it_answers_and_where_else_to_look() {
        let (variants, vary, keyed) = (Variants::default(), languages(), Vary::default());
        let (german, french) = (speaking("de"), speaking("fr"));
        assert_eq!(variants.key(&page(0), &german), None);

        let elsewhere = variants.elsewhere(&page(0), &marker(&vary), &keyed, &german);
        let key = page(0).variant(vary.variant(&german));
        assert_eq!(elsewhere, Some(key.clone()));
        assert_eq!(variants.key(&page(0), &german), Some(key));
        assert_eq!(variants.key(&page(1), &german), None);

        let entry = answer(&vary, Some(vary.variant(&german)));
        assert_eq!(variants.elsewhere(&page(0), &entry, &keyed, &german), None);
        let elsewhere = variants.elsewhere(&page(0), &entry, &keyed, &french);
        assert_eq!(elsewhere, Some(page(0).variant(vary.variant(&french))));
    }

    #[test]
    fn what_is_one_for_all_needs_no_other() {
        let variants = Variants::default();
        variants.remember(&page(0), languages());
        variants.forget(&page(0));
        assert_eq!(variants.key(&page(0), &speaking("de")), None);
        let entry = answer(&Vary::default(), None);
        assert_eq!(
            variants.elsewhere(&page(0), &entry, &Vary::default(), &speaking("de")),
            None
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_has_only_so_many_variants_at_a_time() {
        let (variants, vary) = (Variants::default(), languages());
        let minute = Duration::from_secs(60);
        let admits =
            |number: u8| variants.admits(&page(0), &vary, VariantId([number; 16]), minute, 3);
        assert!(admits(0) && admits(1) && admits(2));
        assert!(!admits(3));
        assert!(admits(1), "it is there already");
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(admits(3), "the others have ended");
        assert!(variants.admits(&page(0), &vary, VariantId([4; 16]), Duration::MAX, 3));
    }

    #[test]
    fn another_vary_starts_anew() {
        let variants = Variants::default();
        let minute = Duration::from_secs(60);
        let by = |name| Vary::by(vec![HeaderName::from_static(name)]);
        assert!(variants.admits(&page(0), &by("a"), VariantId([0; 16]), minute, 1));
        assert!(variants.admits(&page(0), &by("b"), VariantId([1; 16]), minute, 1));
        assert!(!variants.admits(&page(0), &by("b"), VariantId([2; 16]), minute, 1));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (variants, vary) = (Variants::default(), languages());
        for number in 0..10 * GENERATION {
            variants.remember(&page(number), vary.clone());
            assert!(variants.key(&page(0), &HeaderMap::new()).is_some());
        }
        assert!(variants.key(&page(1), &HeaderMap::new()).is_none());
        let pages = variants.pages.lock().unwrap();
        assert!(pages.young.len() + pages.old.len() <= 2 * GENERATION);
    }
}
