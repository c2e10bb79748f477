//! Asks a node of a cluster for the map, over a connection of its own.

use std::time::Duration;

use fred::{
    clients::Client,
    error::Error,
    interfaces::{ClientLike, EventInterface},
    types::{ConnectHandle, Resp3Frame},
};
use tokio::time::timeout;

use super::{
    client::{self, Blueprint},
    command::Command,
    core::options,
    health::Cause,
    supervisor::cause_of,
    target::Node,
};

/// The reply of one node; or why there is none.
pub(super) async fn ask(
    blueprint: &Blueprint,
    node: &Node,
    command: Command,
    deadline: Duration,
) -> Result<Resp3Frame, Cause> {
    let client = blueprint.passing_client(client::at(node));
    let mut errors = client.error_rx();
    let mut connects = client.reconnect_rx();
    let mut task = Ending(client.connect());
    let connected = async {
        tokio::select! {
            _ = connects.recv() => Ok(()),
            error = errors.recv() => Err(error.ok().map(|(error, _)| error)),
            end = &mut task.0 => Err(end.ok().and_then(Result::err)),
        }
    };
    match timeout(blueprint.patience(), connected).await {
        Ok(Ok(())) => send(&client, command, deadline)
            .await
            .map_err(|error| cause_of(&error)),
        Ok(Err(Some(error))) => Err(cause_of(&error)),
        Ok(Err(None)) => Err(Cause::Disconnected("the connection task ended".into())),
        Err(_) => Err(Cause::Disconnected("no answer to the handshake".into())),
    }
}

async fn send(client: &Client, command: Command, deadline: Duration) -> Result<Resp3Frame, Error> {
    let client = client.with_options(&options(deadline));
    let (command, arguments) = command.into_parts();
    client.custom_raw(command, arguments).await
}

/// Nobody else ends the connection: left to itself it would be made again for ever.
struct Ending(ConnectHandle);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort();
    }
}
