use std::sync::atomic::{AtomicU64, Ordering};

/// How often something has changed of which the handles of a manager must know: one count, whether there is one
/// connection or one for each master of a cluster.
///
/// The masters that a cluster is found with are its first connection and its first life together, or every start would
/// look as if all masters but one had been exchanged.
#[derive(Debug, Default)]
pub(super) struct Counts {
    connections: AtomicU64,
    lives: AtomicU64,
}

impl Counts {
    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Acquire)
    }

    pub(super) fn lives(&self) -> u64 {
        self.lives.load(Ordering::Acquire)
    }

    /// Books a connection. `first`: of one of those servers that the manager began with.
    pub(super) fn connected(&self, first: bool) {
        count(&self.connections, first);
    }

    /// Books another incarnation of a server.
    pub(super) fn reincarnated(&self, first: bool) {
        count(&self.lives, first);
    }
}

fn count(counter: &AtomicU64, first: bool) {
    if first {
        counter.fetch_max(1, Ordering::AcqRel);
    } else {
        counter.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_it_began_with_count_as_one() {
        let counts = Counts::default();
        for first in [true, true, true] {
            counts.connected(first);
            counts.reincarnated(first);
        }
        assert_eq!((counts.connections(), counts.lives()), (1, 1));
        counts.connected(false);
        counts.reincarnated(false);
        // The last of the first ones was away until now.
        counts.connected(true);
        assert_eq!((counts.connections(), counts.lives()), (2, 2));
    }
}
