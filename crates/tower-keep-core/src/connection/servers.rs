use std::sync::Arc;

use tokio::{runtime::Handle, sync::watch};

use super::{
    client::{self, Blueprint},
    cluster::Cluster,
    core::Core,
    counts::Counts,
    error::OpenError,
    health::Health,
    incarnation::Incarnation,
    limits::Limits,
    surveyor,
    target::{Address, Target},
    ties::{Part, Ties},
};

/// What a manager leads to: one server, or the masters of a cluster.
#[derive(Clone, Debug)]
pub(super) enum Servers {
    One(Arc<Core>),
    Cluster(Arc<Cluster>),
}

impl Servers {
    /// Begins to connect in the background. `None` for `memory:`.
    pub(super) fn start(
        target: &Target,
        blueprint: Blueprint,
        limits: Limits,
    ) -> Result<Option<Self>, OpenError> {
        let runtime = Handle::try_current().map_err(|_| OpenError::NoRuntime);
        if let Address::Cluster(seeds) = &target.address {
            let cluster = Cluster::new(runtime?, target, seeds.clone(), blueprint, limits);
            let cluster = Arc::new(cluster);
            surveyor::spawn(&cluster);
            return Ok(Some(Self::Cluster(cluster)));
        }
        let Some(place) = client::place(&target.address) else {
            return Ok(None);
        };
        let (client, server) = (blueprint.client(place), target.to_string().into());
        let core = Core::new(client, runtime?, server, Ties::new(limits), Part::Whole);
        let core = Arc::new(core);
        core.start();
        Ok(Some(Self::One(core)))
    }

    /// For logs: the address, without credentials.
    pub(super) fn shown(&self) -> &str {
        match self {
            Self::One(core) => &core.server,
            Self::Cluster(cluster) => &cluster.server,
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        match self {
            Self::One(core) => &core.limits,
            Self::Cluster(cluster) => &cluster.limits,
        }
    }

    pub(super) fn counts(&self) -> &Counts {
        match self {
            Self::One(core) => core.counts(),
            Self::Cluster(cluster) => &cluster.counts,
        }
    }

    pub(super) fn health(&self) -> &watch::Sender<Health> {
        match self {
            Self::One(core) => &core.health,
            Self::Cluster(cluster) => &cluster.health,
        }
    }

    pub(super) fn incarnation(&self) -> Option<Incarnation> {
        match self {
            Self::One(core) => core.incarnation.borrow().clone(),
            Self::Cluster(cluster) => cluster.masters.borrow().incarnation(),
        }
    }

    pub(super) fn close(&self) {
        let closing = match self {
            Self::One(core) => &core.closing,
            Self::Cluster(cluster) => &cluster.closing,
        };
        closing.send_replace(true);
    }

    pub(super) fn ended(&self) -> watch::Receiver<bool> {
        match self {
            Self::One(core) => core.ended.subscribe(),
            Self::Cluster(cluster) => cluster.ended.subscribe(),
        }
    }
}
