use std::time::{Duration, SystemTime};

/// When a representation changed last, as its `Last-Modified` says (RFC 9110 section 8.8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastModified {
    pub(crate) at: SystemTime,
    /// It cannot have changed twice in that second without anybody seeing it.
    pub(crate) strong: bool,
}

impl LastModified {
    /// `date`: when the answer was made that says so.
    ///
    /// A second is coarse: what changes twice within one keeps its date. So the date is strong only if the answer is
    /// from a later second, by the same clock, as both stand in one answer (section 8.8.2.2).
    pub(crate) fn new(at: SystemTime, date: SystemTime) -> Self {
        let strong = date
            .duration_since(at)
            .is_ok_and(|since| since >= Duration::from_secs(1));
        Self { at, strong }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn a_date_is_strong_when_its_second_was_over() {
        let at = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let after = |seconds| LastModified::new(at, at + Duration::from_secs(seconds)).strong;
        assert_eq!([after(0), after(1), after(60)], [false, true, true]);
        assert!(!LastModified::new(at, UNIX_EPOCH).strong);
    }
}
