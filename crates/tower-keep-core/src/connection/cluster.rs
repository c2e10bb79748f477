//! A cluster: a connection to each master, and the map that says which slot is whose.
//!
//! The client library has a mode for clusters, which is not used: one task of it serves all nodes, and while it looks
//! for one that is gone, none is served.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
};

use super::{
    client::{self, Blueprint},
    command::Command,
    core::Core,
    counts::Counts,
    error::CommandError,
    flight::Flight,
    health::{Cause, Class, ClassHealth, Health},
    key::Key,
    limits::Limits,
    masters::Masters,
    target::{Address, Node, Target},
    telemetry,
    ties::{Part, Ties},
};

/// A cluster grows by a few nodes at a time.
const MOST_STRANGERS: usize = 16;

#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) runtime: Handle,
    /// For logs and metric labels: the addresses in the URL, without credentials.
    pub(super) server: Arc<str>,
    pub(super) limits: Arc<Limits>,
    pub(super) counts: Arc<Counts>,
    /// That of all masters together.
    pub(super) health: watch::Sender<Health>,
    pub(super) closing: watch::Sender<bool>,
    /// Whether all connections have ended after `closing`.
    pub(super) ended: watch::Sender<bool>,
    pub(super) masters: watch::Sender<Masters>,
    /// The nodes in the URL.
    pub(super) seeds: Vec<Node>,
    pub(super) blueprint: Blueprint,
    pub(super) news: Arc<Notify>,
    pub(super) doubt: Arc<Notify>,
    /// Nodes to which somebody was sent on and to which there is no connection.
    strangers: Mutex<Vec<Node>>,
    tls: bool,
}

impl Cluster {
    pub(super) fn new(
        runtime: Handle,
        target: &Target,
        seeds: Vec<Node>,
        blueprint: Blueprint,
        limits: Limits,
    ) -> Self {
        Self {
            runtime,
            server: target.to_string().into(),
            limits: Arc::new(limits),
            counts: Arc::default(),
            health: watch::Sender::new(Health::down(&Cause::Connecting)),
            closing: watch::Sender::new(false),
            ended: watch::Sender::new(false),
            masters: watch::Sender::new(Masters::default()),
            seeds,
            blueprint,
            news: Arc::default(),
            doubt: Arc::default(),
            strangers: Mutex::default(),
            tls: target.tls,
        }
    }

    /// Starts a connection to a master. `first`: it was there when the map was read for the first time.
    pub(super) fn connect(&self, node: &Node, first: bool) -> Arc<Core> {
        let ties = Ties {
            limits: Arc::clone(&self.limits),
            counts: Arc::clone(&self.counts),
            news: Arc::clone(&self.news),
            doubt: Arc::clone(&self.doubt),
        };
        let shown = Target {
            tls: self.tls,
            ..Target::new(Address::Server(node.clone()))
        };
        let core = Arc::new(Core::new(
            self.blueprint.client(client::at(node)),
            self.runtime.clone(),
            shown.to_string().into(),
            ties,
            Part::Master {
                node: node.clone(),
                first,
            },
        ));
        core.start();
        core
    }

    /// Lets a user's operation take off to the master that its key belongs to.
    pub(super) fn depart(
        &self,
        deadline: Duration,
        command: Command,
    ) -> Result<Flight, CommandError> {
        let masters = self.masters.borrow();
        let core = match command.slot() {
            Some(slot) => masters.owner(slot),
            None => masters.anyone(command.class),
        };
        let Some(core) = core else {
            return Err(self.refusal(command.class));
        };
        core.depart(&core.client_with(deadline), deadline, command)
            .map_err(|error| self.outlived(error))
    }

    /// Lets operations take off to one master together; `None` if there is no connection to such a node.
    pub(super) fn depart_to(
        &self,
        node: &Node,
        deadline: Duration,
        commands: Vec<Command>,
    ) -> Result<Option<Vec<Flight>>, CommandError> {
        let masters = self.masters.borrow();
        let Some(core) = masters.at(node) else {
            self.meet(node);
            return Ok(None);
        };
        // Zero would mean "no deadline" to the client library.
        let deadline = deadline.max(Duration::from_millis(1));
        let client = core.client_with(deadline);
        let commands = commands.into_iter();
        let flights = commands.map(|command| core.depart(&client, deadline, command));
        let flights: Result<_, _> = flights.collect();
        flights.map(Some).map_err(|error| self.outlived(error))
    }

    /// Has a connection made to a node that nobody knew until now.
    fn meet(&self, node: &Node) {
        let mut strangers = self.strangers();
        if strangers.len() < MOST_STRANGERS && !strangers.contains(node) {
            strangers.push(node.clone());
            self.doubt_the_map();
        }
    }

    pub(super) fn take_strangers(&self) -> Vec<Node> {
        mem::take(&mut *self.strangers())
    }

    fn strangers(&self) -> MutexGuard<'_, Vec<Node>> {
        self.strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a copy of an operation take off to each master.
    pub(super) fn depart_to_all(
        &self,
        deadline: Duration,
        command: &Command,
    ) -> Result<Vec<Flight>, CommandError> {
        let masters = self.masters.borrow();
        if masters.cores().is_empty() {
            return Err(self.refusal(command.class));
        }
        let flights = masters
            .cores()
            .iter()
            .map(|core| core.depart(&core.client_with(deadline), deadline, command.clone()));
        let flights: Result<_, _> = flights.collect();
        flights.map_err(|error| self.outlived(error))
    }

    /// The deadline of a script that takes off now, by the clock of the slowest master: the key may move to it.
    pub(super) fn fence(&self, key: Option<&Key>, deadline: Duration) -> Result<i64, CommandError> {
        let masters = self.masters.borrow();
        let owner = match key {
            Some(key) => masters.owner(fred::util::redis_keyslot(&key.0)),
            None => masters.anyone(Class::Write),
        };
        let owner = owner.ok_or_else(|| self.refusal(Class::Write))?;
        let fence = owner.fence(deadline)?;
        let others = masters.cores().iter();
        let slowest = others.filter_map(|core| core.server_time(deadline)).min();
        Ok(slowest.map_or(fence, |slowest| slowest.min(fence)))
    }

    /// What an operation is told for which there is no connection.
    pub(super) fn refusal(&self, class: Class) -> CommandError {
        match self.health.borrow().class(class) {
            ClassHealth::Down { cause } => cause.refusal(),
            // Its slot has no master.
            ClassHealth::Up => CommandError::Cluster,
        }
    }

    /// A connection that was closed because its node is no master any more is no reason to believe that the manager
    /// was closed.
    pub(super) fn outlived(&self, error: CommandError) -> CommandError {
        match error {
            CommandError::Closed if !*self.closing.borrow() => CommandError::Moving,
            error => error,
        }
    }

    pub(super) fn doubt_the_map(&self) {
        self.doubt.notify_one();
    }

    /// Sums up the health of all masters, once there are any.
    pub(super) fn publish(&self) {
        let masters = self.masters.borrow();
        if !masters.cores().is_empty() {
            self.declare(masters.health());
        }
    }

    pub(super) fn declare(&self, health: Health) {
        self.health.send_if_modified(|current| {
            let news = !current.read.is_closed() && *current != health;
            if news {
                *current = health;
            }
            news
        });
        let health = self.health.borrow();
        for class in Class::ALL {
            telemetry::up(&self.server, class, health.class(class).is_up());
        }
    }

    /// Ends when the manager is closed, or nobody holds it any more.
    pub(super) async fn closed(&self) {
        // The sender lives in `self`, so there is no other end than the one that is waited for.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }
}
