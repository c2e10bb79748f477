use std::sync::Arc;

use tokio::sync::Notify;

use super::{counts::Counts, limits::Limits, target::Node};

/// What ties a connection to its manager, and in a cluster to the other masters' connections.
#[derive(Clone, Debug)]
pub(super) struct Ties {
    pub(super) limits: Arc<Limits>,
    pub(super) counts: Arc<Counts>,
    /// Wakes who sums up the health of all masters.
    pub(super) news: Arc<Notify>,
    /// Wakes who reads the cluster's map: it may have changed.
    pub(super) doubt: Arc<Notify>,
}

impl Ties {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits: Arc::new(limits),
            counts: Arc::default(),
            news: Arc::default(),
            doubt: Arc::default(),
        }
    }
}

/// What a connection is in its manager.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// The only one.
    Whole,
    /// That to a master of a cluster.
    Master {
        node: Node,
        /// Whether the master was there when the map was read for the first time.
        first: bool,
    },
}
