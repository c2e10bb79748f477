use std::{
    sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

/// What is in flight, and when the server was last heard of. Pure: time is passed in, counted from some fixed moment.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    in_flight: AtomicUsize,
    /// When something was in flight again after nothing was, or when the last reply came: µs.
    waiting_since: AtomicU64,
    last_reply: AtomicU64,
    /// Since the last reply.
    timeouts: AtomicU32,
}

impl Traffic {
    /// Takes a place. Says how many were taken before; the first one starts the wait for a reply.
    pub(super) fn depart(&self, now: Duration) -> usize {
        // Before it is counted: who sees it in flight must not see the silence of the time when nothing was.
        if self.in_flight() == 0 {
            self.restart_silence(now);
        }
        // Ordered with the watchdog's flag: either it sees this departure, or this departure sees that it rests.
        self.in_flight.fetch_add(1, Ordering::SeqCst)
    }

    pub(super) fn land(&self) {
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    pub(super) fn replied(&self, now: Duration) {
        self.restart_silence(now);
        self.last_reply.fetch_max(micros(now), Ordering::Relaxed);
        self.forget_timeouts();
    }

    pub(super) fn forget_timeouts(&self) {
        // The usual case writes nothing, so that the cache line stays shared.
        if self.timeouts.load(Ordering::Relaxed) != 0 {
            self.timeouts.store(0, Ordering::Relaxed);
        }
    }

    /// How long operations have been in flight without a reply; `None` if nothing is in flight.
    pub(super) fn silence(&self, now: Duration) -> Option<Duration> {
        (self.in_flight() > 0).then(|| {
            let since = Duration::from_micros(self.waiting_since.load(Ordering::Acquire));
            now.saturating_sub(since)
        })
    }

    /// Starts the wait for a reply over: the time until now says nothing about the server.
    pub(super) fn restart_silence(&self, now: Duration) {
        // Never back: a thread that was put to sleep after it read the clock has old news.
        self.waiting_since.fetch_max(micros(now), Ordering::AcqRel);
    }

    /// Counts a timeout. True when the connection must be dead: so many in a row, and no reply for so long.
    pub(super) fn timed_out(&self, now: Duration, timeouts: u32, silence: Duration) -> bool {
        let in_a_row = self.timeouts.fetch_add(1, Ordering::Relaxed) + 1;
        let heard = Duration::from_micros(self.last_reply.load(Ordering::Relaxed));
        in_a_row >= timeouts && now.saturating_sub(heard) >= silence
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn silence_counts_from_the_first_departure_and_from_each_reply() {
        let traffic = Traffic::default();
        assert_eq!(traffic.silence(ms(1000)), None);
        assert_eq!(traffic.depart(ms(1000)), 0);
        assert_eq!(traffic.depart(ms(1010)), 1);
        assert_eq!(traffic.silence(ms(1020)), Some(ms(20)));
        traffic.replied(ms(1025));
        traffic.land();
        assert_eq!(traffic.silence(ms(1030)), Some(ms(5)));
        traffic.land();
        assert_eq!(traffic.silence(ms(2000)), None);
    }

    #[test]
    fn a_place_given_back_without_a_reply_does_not_end_the_silence() {
        let traffic = Traffic::default();
        traffic.depart(ms(0));
        for at in [5, 10, 15] {
            traffic.depart(ms(at));
            traffic.land();
        }
        assert_eq!(traffic.silence(ms(20)), Some(ms(20)));
    }

    #[test]
    fn news_that_is_told_late_does_not_lengthen_the_silence() {
        let traffic = Traffic::default();
        traffic.depart(ms(0));
        traffic.replied(ms(130));
        traffic.replied(ms(100));
        assert_eq!(traffic.silence(ms(135)), Some(ms(5)));
    }

    #[test]
    fn a_connection_is_dead_after_enough_timeouts_and_enough_silence() {
        let traffic = Traffic::default();
        traffic.replied(ms(1000));
        let timed_out = |at| traffic.timed_out(ms(at), 3, ms(150));
        assert!(!timed_out(1200) && !timed_out(1200) && timed_out(1200));
        traffic.replied(ms(1300));
        assert!(
            !timed_out(1310)
                && !timed_out(1320)
                && !timed_out(1330)
                && !timed_out(1449)
                && timed_out(1450)
        );
    }
}
