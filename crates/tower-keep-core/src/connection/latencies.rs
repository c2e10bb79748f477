use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Each power of two is divided into so many parts, so that a value is known to a sixteenth of itself.
const PARTS: u64 = 8;
const PART_BITS: u32 = PARTS.trailing_zeros();
/// Longer than any deadline that makes sense: 134 s in µs. What is beyond counts as this.
const LONGEST: u64 = (1 << 27) - 1;
const BUCKETS: usize = bucket(LONGEST) + 1;

/// How long operations took, by buckets that are narrow where the times are short. One atomic addition for each.
#[derive(Debug)]
pub(super) struct Latencies([AtomicU64; BUCKETS]);

impl Latencies {
    pub(super) fn record(&self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST);
        self.0[bucket(micros.min(LONGEST))].fetch_add(1, Ordering::Relaxed);
    }

    /// What was recorded since the last call: times, each with how often.
    pub(super) fn take(&self) -> impl Iterator<Item = (Duration, u64)> {
        self.0.iter().enumerate().filter_map(|(bucket, count)| {
            // Most are empty, and reading leaves them with the threads that write.
            if count.load(Ordering::Relaxed) == 0 {
                return None;
            }
            Some((middle(bucket), count.swap(0, Ordering::Relaxed)))
        })
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }
}

const fn bucket(micros: u64) -> usize {
    if micros < PARTS {
        return micros as usize;
    }
    let shift = micros.ilog2() - PART_BITS;
    // The leading bits: from PARTS to 2 * PARTS - 1.
    (shift as u64 * PARTS + (micros >> shift)) as usize
}

fn middle(bucket: usize) -> Duration {
    let bucket = bucket as u64;
    let shift = (bucket / PARTS).saturating_sub(1);
    let first = (bucket - shift * PARTS) << shift;
    Duration::from_nanos(first * 1000 + (500 << shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_known_to_a_sixteenth_of_itself() {
        let times = (0..27).flat_map(|bits| [(1_u64 << bits) - 1, 1 << bits, 3 << bits >> 1]);
        for micros in times {
            let latencies = Latencies::default();
            latencies.record(Duration::from_micros(micros));
            let (told, count) = latencies.take().next().unwrap();
            let error = told.as_nanos().abs_diff(u128::from(micros) * 1000);
            let most = (u128::from(micros) * 1000 / 16).max(500);
            assert!(error <= most, "{micros} µs became {told:?}");
            assert_eq!(count, 1);
        }
    }

    #[test]
    fn what_is_taken_is_gone_and_what_is_too_long_counts() {
        let latencies = Latencies::default();
        for _ in 0..3 {
            latencies.record(Duration::MAX);
        }
        let taken: Vec<_> = latencies.take().collect();
        assert_eq!(taken.len(), 1);
        assert!(taken[0].0 > Duration::from_secs(100) && taken[0].1 == 3);
        assert_eq!(latencies.take().count(), 0);
    }
}
