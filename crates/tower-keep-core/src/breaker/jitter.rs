//! Jitter without state: a hash of the seed and the generation.

/// A fraction in `[0, 1)` that is the same whenever seed and number are the same.
///
/// SplitMix64 (Steele, Lea, Flood 2014): one step of it is enough to part the generations, and a fleet whose
/// processes have different seeds does not come back in step.
pub(super) fn fraction(seed: u64, number: u64) -> f64 {
    let mut z = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_repeat_and_spread() {
        let draw = |seed| (0..1000).map(|n| fraction(seed, n)).collect::<Vec<_>>();
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(7).iter().all(|f| (0.0..1.0).contains(f)));
        let mean = draw(7).iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
    }
}
