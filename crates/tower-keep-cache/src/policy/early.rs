use std::time::Duration;

/// Whether a fresh entry is refreshed before its time, so that nobody waits for it: XFetch (Vattani, Chierichetti and
/// Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015), with the paper's β of 1.
///
/// `remaining`: for how long it is fresh; `took`: how long the handler took to make it; `random`: evenly from 0 to 1.
/// The nearer the end and the dearer the entry, the likelier, so that one of many requests comes first, and all
/// the rest are hits.
pub(crate) fn refreshes_early(
    remaining: Duration,
    took: Duration,
    random: impl FnOnce() -> f64,
) -> bool {
    /// `-ln` of the smallest number that is drawn: farther from the end it cannot happen, and nobody need draw.
    const FARTHEST: u32 = 37;
    if remaining >= took.saturating_mul(FARTHEST) {
        return false;
    }
    // Zero would be infinitely early.
    let random = random().max(1e-16);
    took.as_secs_f64() * -random.ln() >= remaining.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_grows_likely_towards_the_end() {
        let share = |remaining| {
            let draws = 1..1000;
            let early = draws
                .filter(|draw| refreshes_early(remaining, SECOND, || f64::from(*draw) / 1000.0));
            early.count()
        };
        assert_eq!(share(Duration::ZERO), 999);
        assert!((350..380).contains(&share(SECOND)), "e^-1 of all");
        assert!((40..60).contains(&share(3 * SECOND)), "e^-3 of all");
    }

    #[test]
    fn nothing_is_drawn_far_from_the_end_or_for_what_costs_nothing() {
        assert!(!refreshes_early(40 * SECOND, SECOND, || unreachable!()));
        assert!(!refreshes_early(SECOND, Duration::ZERO, || unreachable!()));
        assert!(refreshes_early(36 * SECOND, SECOND, || 0.0));
    }
}
