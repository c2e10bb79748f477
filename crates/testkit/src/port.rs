//! Free ports on 127.0.0.1.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

/// Outside the range from which Linux (32768 up) and macOS (49152 up) take the ports of outgoing connections, so that
/// a server which was killed finds its port free again; below 55535, so that the bus of a Redis Cluster node
/// (port + 10000) has a port too.
const RANGE: std::ops::Range<u16> = 20_000..32_768;

/// How far the port of the cluster bus is from that of the clients.
const BUS: u16 = 10_000;

/// A port that was free a moment ago, chosen at random because tests run in parallel.
///
/// Another process may take it before the caller binds it: try again with another one then.
///
/// # Panics
/// When 1000 attempts find none.
#[must_use]
pub fn free() -> u16 {
    (0..1000)
        .map(|_| random())
        .find(|port| is_free(*port))
        .expect("a free port on 127.0.0.1")
}

/// As [`free`], and the port 10000 above it is free too and outside the range of outgoing connections: the one on
/// which the nodes of a Redis Cluster speak to each other, which a node that was killed must find free again as well.
///
/// # Panics
/// When 1000 attempts find none.
#[must_use]
pub fn free_with_bus() -> u16 {
    (0..1000)
        .map(|_| RANGE.start + random() % (RANGE.end - RANGE.start - BUS))
        .find(|port| is_free(*port) && is_free(port + BUS))
        .expect("two free ports on 127.0.0.1")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn random() -> u16 {
    // The keys of a RandomState come from the operating system and differ each time.
    let spread =
        RandomState::new().hash_one(std::process::id()) % u64::from(RANGE.end - RANGE.start);
    RANGE.start + u16::try_from(spread).expect("less than the length of the range")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_can_be_bound_and_leaves_room_for_the_cluster_bus() {
        let port = free();
        assert!(RANGE.contains(&port));
        assert!(port < 55_535);
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert!(!is_free(port));
        let port = free_with_bus();
        assert!(RANGE.contains(&port) && RANGE.contains(&(port + BUS)));
    }
}
