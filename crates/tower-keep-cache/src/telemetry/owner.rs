use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::Handled;
use crate::{
    engine::{Admission, Hit, Outcome},
    entry::Entry,
    policy::Bypass,
};

/// Who answers for entries, by the name of a layer or a route, and what requests for them came to.
///
/// Plain atomics, published once a second: a hit would pay for a look into the recorder's map, and a handle kept from
/// the start would never see a recorder that is installed later.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(super) name: Arc<str>,
    handled: [AtomicU64; Handled::ALL.len()],
    bypassed: [AtomicU64; Bypass::ALL.len()],
    served_bytes: AtomicU64,
}

impl Owner {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            handled: [const { AtomicU64::new(0) }; Handled::ALL.len()],
            bypassed: [const { AtomicU64::new(0) }; Bypass::ALL.len()],
            served_bytes: AtomicU64::new(0),
        }
    }

    pub(crate) fn admitted(&self, admission: &Admission) {
        match admission {
            Admission::Hit(hit) => self.hit(hit),
            Admission::Copy(Outcome::Entry(copy)) => {
                self.serve(copy);
                self.handled(Handled::Copy);
            }
            other => self.handled(Handled::from(other)),
        }
    }

    pub(crate) fn hit(&self, hit: &Hit) {
        self.serve(hit);
        self.handled(match hit.entry.is_fresh(Entry::now()) {
            true => Handled::Hit,
            false => Handled::Stale,
        });
    }

    pub(crate) fn handled(&self, handled: Handled) {
        self.handled[handled as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn bypassed(&self, why: Bypass) {
        self.bypassed[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn serve(&self, hit: &Hit) {
        let bytes = hit.entry.body.len() as u64;
        self.served_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How often each was since the last call.
    pub(super) fn take_handled(&self) -> impl Iterator<Item = (Handled, u64)> {
        Handled::ALL
            .into_iter()
            .zip(&self.handled)
            .filter_map(taken)
    }

    /// How often requests bypassed the cache since the last call, and why.
    pub(super) fn take_bypassed(&self) -> impl Iterator<Item = (Bypass, u64)> {
        Bypass::ALL
            .into_iter()
            .zip(&self.bypassed)
            .filter_map(taken)
    }

    pub(super) fn take_served_bytes(&self) -> u64 {
        self.served_bytes.swap(0, Ordering::Relaxed)
    }
}

fn taken<W>((what, count): (W, &AtomicU64)) -> Option<(W, u64)> {
    let count = count.swap(0, Ordering::Relaxed);
    (count > 0).then_some((what, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_gone() {
        let owner = Owner::new("route");
        owner.handled(Handled::Full);
        owner.bypassed(Bypass::Cookie);
        owner.bypassed(Bypass::Cookie);
        let handled: Vec<_> = owner.take_handled().collect();
        let bypassed: Vec<_> = owner.take_bypassed().collect();
        assert_eq!(handled, [(Handled::Full, 1)]);
        assert_eq!(bypassed, [(Bypass::Cookie, 2)]);
        assert_eq!(
            owner.take_handled().count() + owner.take_bypassed().count(),
            0
        );
    }
}
