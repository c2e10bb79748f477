//! Processes that never outlive the one that started them.

mod owner;
mod running;
mod sandbox;

pub use owner::Owner;
pub use running::Running;
pub use sandbox::{Launch, Sandbox};
