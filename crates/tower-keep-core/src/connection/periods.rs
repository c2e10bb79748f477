use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::health::Class;

/// How long each class has been in each state. A state is a word; time is passed in.
#[derive(Debug)]
pub(super) struct Periods(Mutex<[Period; 2]>);

#[derive(Debug)]
struct Period {
    state: &'static str,
    since: Duration,
    /// Not taken yet.
    spent: Vec<(&'static str, Duration)>,
}

impl Periods {
    pub(super) fn new(state: &'static str) -> Self {
        let period = || Period {
            state,
            since: Duration::ZERO,
            spent: Vec::new(),
        };
        Self(Mutex::new([period(), period()]))
    }

    /// The state of a class is another one from now on.
    pub(super) fn turn(&self, class: Class, state: &'static str, now: Duration) {
        let period = &mut self.lock()[class as usize];
        period.book(now);
        period.state = state;
    }

    /// The time in each state since the last call.
    pub(super) fn take(&self, class: Class, now: Duration) -> Vec<(&'static str, Duration)> {
        let period = &mut self.lock()[class as usize];
        period.book(now);
        mem::take(&mut period.spent)
    }

    fn lock(&self) -> MutexGuard<'_, [Period; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Period {
    fn book(&mut self, now: Duration) {
        // Whole milliseconds, as they are counted; the rest is for the next time.
        let whole = now.saturating_sub(self.since).as_millis();
        let time = Duration::from_millis(u64::try_from(whole).unwrap_or(u64::MAX));
        self.since += time;
        match self
            .spent
            .iter_mut()
            .find(|(state, _)| *state == self.state)
        {
            Some((_, spent)) => *spent += time,
            None => self.spent.push((self.state, time)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_millisecond_is_counted_once_in_the_state_of_its_time() {
        let at = Duration::from_micros;
        let periods = Periods::new("connecting");
        periods.turn(Class::Read, "up", at(1_500));
        periods.turn(Class::Read, "stalled", at(10_000));
        periods.turn(Class::Read, "up", at(12_400));
        let taken = periods.take(Class::Read, at(15_000));
        let ms = Duration::from_millis;
        assert_eq!(
            taken,
            [("connecting", ms(1)), ("up", ms(12)), ("stalled", ms(2))]
        );
        assert_eq!(periods.take(Class::Read, at(16_000)), [("up", ms(1))]);
        assert_eq!(
            periods.take(Class::Write, at(16_000)),
            [("connecting", ms(16))]
        );
    }
}
