//! Connections that break: a TCP proxy between a client and its server, and a listener that accepts nobody.

mod connection;
mod fault_proxy;
mod faults;
mod silent_listener;

pub use fault_proxy::FaultProxy;
pub use faults::Direction;
pub use silent_listener::SilentListener;
