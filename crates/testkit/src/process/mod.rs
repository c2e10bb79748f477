//! Processes that never outlive the one that started them.

mod owner;
mod parent;
mod peer;
mod running;
mod sandbox;

pub use owner::Owner;
pub use parent::{Parent, parent};
pub use peer::{Peer, reexec};
pub use running::{Running, is_alive};
pub use sandbox::{Launch, Sandbox};
