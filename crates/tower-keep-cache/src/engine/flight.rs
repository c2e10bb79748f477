//! One flight: who waits for a key's fill, and who may be given what it brings.
//!
//! Pure and synchronous; the driver stands around it. The rule (R7): a request may receive a flight's bytes if
//! it joined before the flight's `begin_fill` was sent, or if it joined before the flight's `store` was sent and
//! that `store` answered "stored". In the first case the value was loaded after the request began, so that it
//! holds every write the request may know of. In the second the store itself has shown that no invalidation
//! came between. Everybody else waits for the next flight.
//!
//! The same holds for an entry that is read for all who wait: it may be given to those who had joined when the
//! command was sent.

#[cfg(test)]
mod tests;

/// Those who wait for one key, in the order in which they joined.
///
/// As the order is kept, every rule about "joined before" is a prefix of the list.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone, Eq, Hash, PartialEq))]
pub(crate) struct Flight<W> {
    waiters: Vec<W>,
    /// So many had joined when the last command was sent whose answer may be shared.
    begun: usize,
    /// So many had joined when the flight closed to joiners.
    closed: Option<usize>,
}

impl<W> Flight<W> {
    pub(crate) fn new() -> Self {
        Self {
            waiters: Vec::new(),
            begun: 0,
            closed: None,
        }
    }

    /// Adds a waiter. After [`close`](Self::close) it waits for the next flight, in the same list.
    pub(crate) fn join(&mut self, waiter: W, live: impl Fn(&W) -> bool) {
        // A key whose clients hang up and come again must not collect the dead for as long as a fill runs.
        if self.waiters.len() == self.waiters.capacity() {
            self.prune(live);
        }
        self.waiters.push(waiter);
    }

    /// To be called right before a command is sent that reads for everybody here, or begins the fill.
    pub(crate) fn begin(&mut self) {
        self.begun = self.waiters.len();
        self.closed = None;
    }

    /// To be called right before `store` is sent: who joins from now on cannot profit from its answer.
    pub(crate) fn close(&mut self) {
        self.closed = Some(self.waiters.len());
    }

    /// How many of the waiters, from the front, may receive the bytes.
    ///
    /// `stored`: the `store` of this flight was sent and answered "stored".
    pub(crate) fn entitled(&self, stored: bool) -> usize {
        if stored {
            self.closed.unwrap_or(self.begun)
        } else {
            self.begun
        }
    }

    /// Takes the first `count` waiters out.
    pub(crate) fn take(&mut self, count: usize) -> Vec<W> {
        let count = count.min(self.waiters.len());
        let rest = self.waiters.split_off(count);
        self.begun = self.begun.saturating_sub(count);
        self.closed = self.closed.map(|closed| closed.saturating_sub(count));
        std::mem::replace(&mut self.waiters, rest)
    }

    /// Takes everybody out: a failure is no value, and who may not be served at all need not wait.
    pub(crate) fn take_all(&mut self) -> Vec<W> {
        self.take(usize::MAX)
    }

    /// Takes the first who still waits, to be the leader.
    pub(crate) fn elect(&mut self, live: impl Fn(&W) -> bool) -> Option<W> {
        self.prune(live);
        self.take(1).pop()
    }

    /// The run has ended; who is left forms the next flight. False if nobody is.
    pub(crate) fn next(&mut self, live: impl Fn(&W) -> bool) -> bool {
        self.begun = 0;
        self.closed = None;
        self.prune(live);
        !self.waiters.is_empty()
    }

    /// How many would receive the bytes even if they cannot be stored.
    pub(crate) fn early(&self) -> usize {
        self.begun
    }

    /// Forgets those who have gone, and says whether anybody is left.
    pub(crate) fn prune(&mut self, live: impl Fn(&W) -> bool) -> bool {
        let (begun, closed) = (self.begun, self.closed);
        let mut seen = 0;
        self.waiters.retain(|waiter| {
            let keep = live(waiter);
            if !keep {
                self.begun -= usize::from(seen < begun);
                self.closed = self
                    .closed
                    .map(|count| count - usize::from(Some(seen) < closed));
            }
            seen += 1;
            keep
        });
        !self.waiters.is_empty()
    }
}
