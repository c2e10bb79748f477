//! The names of tracing targets, metrics and labels.

/// Targets of tracing events.
pub mod target {
    /// Requests that a layer has refused.
    pub const REJECTION: &str = "tower_keep::rejection";
}
