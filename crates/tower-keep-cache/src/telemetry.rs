/// The target of everything that this crate traces.
pub(crate) const TARGET: &str = "tower_keep::cache";
