use std::time::Duration;

/// A lifetime that is shorter by up to `share` of it, so that what was made at the same time does not end at the same
/// time. Never longer: whoever set it may rely on it. `random`: evenly from 0 to 1.
pub(crate) fn jittered(lifetime: Duration, share: f64, random: f64) -> Duration {
    lifetime.mul_f64(1.0 - share.clamp(0.0, 1.0) * random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_shorter_by_a_share_at_most_and_never_longer() {
        let minute = Duration::from_secs(60);
        assert_eq!(jittered(minute, 0.1, 0.0), minute);
        assert_eq!(jittered(minute, 0.1, 1.0), Duration::from_secs(54));
        assert_eq!(jittered(minute, 0.0, 1.0), minute);
        assert_eq!(jittered(minute, 7.0, 1.0), Duration::ZERO);
    }
}
