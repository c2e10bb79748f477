//! Processes that never outlive the one that started them.

mod hosts;
mod owner;
mod parent;
mod peer;
mod running;
mod sandbox;

pub(crate) use hosts::can_be_private as hosts_can_be_private;
pub use owner::Owner;
pub use parent::{Parent, parent};
pub use peer::{Peer, reexec, reexec_with_hosts};
pub use running::{Running, is_alive};
pub use sandbox::{Launch, Sandbox};
