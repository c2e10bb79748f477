//! What not every build of a server can do.

mod need;
mod skip;

pub use need::Capability;
pub use skip::{SKIPS, STRICT, require};
