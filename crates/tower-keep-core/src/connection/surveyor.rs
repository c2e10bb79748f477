//! Keeps the map of a cluster, and with it a connection to each of its masters. No user's request is ever used for
//! that.

use std::{sync::Arc, time::Duration};

use fred::types::Resp3Frame;
use tokio::time::{Instant, sleep, timeout};

use super::{
    cluster::Cluster,
    command::Command,
    core::Core,
    error::CommandError,
    health::{Cause, Class, Health},
    masters::{Guest, Masters},
    reply, scout,
    slot_map::SlotMap,
    target::Node,
    telemetry,
    value::Value,
};

/// Between two readings of the map while all is well. What changes in between is learned from a `MOVED`.
const PERIOD: Duration = Duration::from_secs(10);
/// Never more often than this, however many say that it is outdated.
const SHORTEST: Duration = Duration::from_millis(50);
/// While something is missing: often at first, because a replica may take over soon.
const LONGEST: Duration = Duration::from_millis(250);
/// The health is published as often as what a single connection reports.
const REPORT: Duration = Duration::from_secs(1);
/// How long the connection to a node is kept that the map does not know. Whoever is sent there then has it made anew.
const VISIT: Duration = Duration::from_secs(60);
/// How long what is in flight to a node is waited for that is no master any more.
const FAREWELL: Duration = Duration::from_secs(1);

pub(super) fn spawn(cluster: &Arc<Cluster>) {
    let cluster = Arc::clone(cluster);
    cluster.runtime.clone().spawn(async move {
        let end = End(cluster);
        let cluster = &end.0;
        tokio::select! {
            () = cluster.closed() => {}
            () = survey(cluster) => {}
            () = report(cluster) => {}
        }
        let cores: Vec<_> = cluster.masters.borrow().all().cloned().collect();
        for core in &cores {
            core.closing.send_replace(true);
        }
        for core in &cores {
            // The sender lives in the core, which is held here.
            let _ = core.ended.subscribe().wait_for(|ended| *ended).await;
        }
    });
}

/// Says that it is over: also when the runtime ends and takes the task with it, or nobody would ever say so.
struct End(Arc<Cluster>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.closing.send_replace(true);
        self.0.declare(Health::down(&Cause::Closed));
        self.0.ended.send_replace(true);
    }
}

async fn report(cluster: &Cluster) {
    loop {
        // Also without news: a recorder of metrics may be installed late.
        let _ = timeout(REPORT, cluster.news.notified()).await;
        cluster.publish();
    }
}

async fn survey(cluster: &Arc<Cluster>) {
    let mut pause = SHORTEST;
    loop {
        match read(cluster).await {
            Ok(map) => adopt(cluster, map),
            Err(cause) if cluster.masters.borrow().cores().is_empty() => lost(cluster, &cause),
            // What is known is better than nothing.
            Err(_) => {}
        }
        cluster.publish();
        pause = match is_complete(cluster) {
            true => SHORTEST,
            false => (pause * 2).min(LONGEST),
        };
        wait(cluster, pause).await;
    }
}

async fn wait(cluster: &Cluster, pause: Duration) {
    let mut health = cluster.health.subscribe();
    sleep(pause).await;
    if !is_complete(cluster) {
        return;
    }
    tokio::select! {
        () = cluster.doubt.notified() => {}
        _ = health.wait_for(|health| !health.read.is_up()) => {}
        () = sleep(PERIOD) => {}
    }
}

fn is_complete(cluster: &Cluster) -> bool {
    let masters = cluster.masters.borrow();
    !masters.cores().is_empty() && masters.are_complete()
}

/// Asks the masters that are up; if none of them answers, every node that was ever heard of.
async fn read(cluster: &Cluster) -> Result<SlotMap, Cause> {
    let question = || Command::read("CLUSTER").anywhere().arg("SLOTS");
    let masters = cluster.masters.borrow().clone();
    for core in masters.cores() {
        let node = core.node().filter(|_| core.gate(Class::Read).is_up());
        let Some(node) = node else { continue };
        let Ok(answer) = core.probe(question()).await else {
            continue;
        };
        match understand(answer, node) {
            Ok(map) => return Ok(map),
            Err(error) => core.tell_denial(&error),
        }
    }
    let mut nodes: Vec<&Node> = Vec::new();
    for node in masters.map().nodes().chain(&cluster.seeds) {
        if !nodes.contains(&node) {
            nodes.push(node);
        }
    }
    let deadline = cluster.limits.probe_deadline();
    let mut why = Cause::Connecting;
    for node in nodes {
        let answer = scout::ask(&cluster.blueprint, node, question(), deadline).await;
        match answer.map(|answer| understand(answer, node)) {
            Ok(Ok(map)) => return Ok(map),
            Ok(Err(error)) => why = cause_of(&error),
            Err(cause) => why = cause,
        }
    }
    Err(why)
}

/// A map in which nobody owns anything is that of a node that has not met the others yet.
fn understand(answer: Resp3Frame, asked: &Node) -> Result<SlotMap, CommandError> {
    let map = SlotMap::read(Value::from_reply(answer)?, asked)?;
    match map.masters() {
        [] => Err(CommandError::Other("the cluster has no masters".into())),
        _ => Ok(map),
    }
}

fn cause_of(error: &CommandError) -> Cause {
    let words = match error {
        CommandError::Denied(reply) => return Cause::Denied(reply.clone()),
        CommandError::Other(reply) => reply.clone(),
        error => error.to_string().into(),
    };
    match reply::unfit(&words) {
        Some((_, cause)) => cause,
        None => Cause::Reply(words),
    }
}

/// There is no map at all yet.
fn lost(cluster: &Cluster, cause: &Cause) {
    let before = cluster.health.borrow().clone();
    for class in Class::ALL {
        if !before.class(class).is_down_for(cause) {
            telemetry::down(&cluster.server, class, cause);
        }
    }
    cluster.declare(Health::down(cause));
}

fn adopt(cluster: &Arc<Cluster>, map: SlotMap) {
    let before = cluster.masters.borrow().clone();
    let is_first = before.cores().is_empty();
    let nodes = map.masters().iter();
    let cores: Vec<_> = nodes
        .map(|node| match before.at(node) {
            Some(core) => Arc::clone(core),
            None => cluster.connect(node, is_first),
        })
        .collect();
    for (number, core) in cores.iter().enumerate() {
        if let Some(key) = map.probe_key(number) {
            core.probe_with(key);
        }
    }
    let now = Instant::now();
    let is_stranger = |node: &Node| map.position(node).is_none() && before.at(node).is_none();
    let strangers = cluster.take_strangers().into_iter();
    let invited = strangers.filter(is_stranger).map(|node| Guest {
        core: cluster.connect(&node, false),
        until: now + VISIT,
    });
    let stays = |guest: &&Guest| {
        let is_master = guest.core.node().and_then(|node| map.position(node));
        guest.until > now && is_master.is_none() && !guest.core.is_replica()
    };
    let staying = before.guests().iter().filter(stays).cloned();
    let guests = staying.chain(invited).collect();

    let after = Masters::new(map, cores, guests);
    let gone = before.all().filter(|core| {
        let stays = after.all().any(|other| Arc::ptr_eq(core, other));
        !stays
    });
    for core in gone {
        let (cluster, core) = (Arc::clone(cluster), Arc::clone(core));
        cluster.runtime.clone().spawn(retire(cluster, core));
    }
    if after.map().masters() != before.map().masters() {
        telemetry::remapped(&cluster.server, after.map().masters());
    }
    cluster.masters.send_replace(after);
}

/// Ends the connection to a node that is no master any more, after what is in flight there.
async fn retire(cluster: Arc<Cluster>, core: Arc<Core>) {
    let landed = async {
        while core.in_flight() > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = landed => {}
        () = sleep(FAREWELL) => {}
        // It would outlive the manager.
        () = cluster.closed() => {}
    }
    core.closing.send_replace(true);
}
