//! Which pages are asked for.

/// A few hundred paths that a shop's visitors would ask for, the popular ones more often.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    state: u64,
}

const CATEGORIES: [&str; 8] = [
    "books", "garden", "kitchen", "lighting", "music", "office", "outdoor", "toys",
];

impl Pages {
    /// The same seed asks for the same pages in the same order.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(2).wrapping_add(1),
        }
    }

    pub(super) fn next(&mut self) -> String {
        match self.below(10) {
            0 => "/bestsellers".to_owned(),
            1 => format!("/categories/{}", CATEGORIES[self.below(8)]),
            _ => format!("/products/{}", self.product()),
        }
    }

    /// The product of two numbers is small more often than large: some products are looked at more than others.
    pub(super) fn product(&mut self) -> usize {
        1 + self.below(12) * self.below(12)
    }

    /// Marsaglia's xorshift64*; its high bits are the good ones.
    fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let bits = self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(bits).unwrap_or_default() % limit
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn some_pages_are_asked_for_more_than_others_and_none_of_them_is_made_up() {
        let mut pages = Pages::new(1);
        let mut counts: HashMap<String, u32> = HashMap::new();
        for _ in 0..2000 {
            *counts.entry(pages.next()).or_default() += 1;
        }
        assert!(counts.len() > 50, "{}", counts.len());
        assert!(
            counts["/products/1"] > 20 * counts["/products/122"],
            "{counts:?}"
        );
        assert!(counts.keys().all(|path| path.starts_with('/')));
    }
}
