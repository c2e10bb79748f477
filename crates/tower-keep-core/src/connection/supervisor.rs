//! Keeps the client library's connection task alive, and turns its events into health.

use std::{sync::Arc, time::Duration};

use fred::{
    error::{Error, ErrorKind},
    interfaces::{ClientLike, EventInterface},
    types::ConnectHandle,
};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{sleep, timeout},
};

use super::{core::Core, error::CommandError, health::Cause, reply, telemetry, tls};

/// How long operations in flight, and the end of the connection's task, are waited for when the manager is closed.
const FAREWELL: Duration = Duration::from_secs(1);

pub(super) fn spawn(core: &Arc<Core>) {
    let core = Arc::clone(core);
    core.runtime.clone().spawn(async move {
        let end = End(core);
        supervise(&end.0).await;
    });
}

/// Says that it is over: also when the runtime ends and takes the task with it, or nobody would ever say so.
struct End(Arc<Core>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.trip_all(&Cause::Closed);
        self.0.ended.send_replace(true);
    }
}

async fn supervise(core: &Core) {
    // Subscribed before the first connect, which is an event too.
    let mut errors = core.client.error_rx();
    let mut connects = core.client.reconnect_rx();
    let mut delay = Duration::from_millis(1);
    loop {
        let mut task = core.client.connect();
        loop {
            tokio::select! {
                () = core.closed() => return farewell(core, task).await,
                error = errors.recv() => match error {
                    Ok((error, _)) => core.trip_all(&cause_of(&error)),
                    Err(RecvError::Lagged(_)) => core.trip_all(&Cause::Disconnected("many errors".into())),
                    Err(RecvError::Closed) => break,
                },
                connect = connects.recv() => match connect {
                    Ok(_) | Err(RecvError::Lagged(_)) => {
                        delay = Duration::from_millis(1);
                        core.connected();
                    }
                    Err(RecvError::Closed) => break,
                },
                end = &mut task => {
                    let why = match end {
                        Ok(Err(error)) => error.details().to_owned(),
                        Ok(Ok(())) => "the connection task ended".to_owned(),
                        Err(error) => error.to_string(),
                    };
                    telemetry::task_ended(&core.server, &why);
                    core.trip_all(&Cause::Disconnected(why.into()));
                    break;
                }
            }
        }
        tokio::select! {
            () = core.closed() => return,
            () = sleep(delay) => delay = (delay * 2).min(Duration::from_millis(500)),
        }
    }
}

async fn farewell(core: &Core, mut task: ConnectHandle) {
    core.trip_all(&Cause::Closed);
    let ended = async {
        // Its answer says little: told while the library tries to connect, it is not heard, and fails by a deadline of its
        // own while the task goes on trying.
        let _ = core.client.quit().await;
        let _ = (&mut task).await;
    };
    if timeout(FAREWELL, ended).await.is_err() {
        task.abort();
        // The one that renews the credentials is ended by the other, and holds the client for as long as it lives.
        core.client.inner().abort_credential_refresh_task();
    }
}

pub(super) fn cause_of(error: &Error) -> Cause {
    if let Some(why) = tls::words(error.details()) {
        return Cause::Tls(why.into());
    }
    if let CommandError::Denied(reply) = reply::classify(error.details()) {
        return Cause::Denied(reply);
    }
    if let Some((_, cause)) = reply::unfit(error.details()) {
        return cause;
    }
    let words = words(error.details()).into();
    match error.kind() {
        ErrorKind::Auth => Cause::Auth(words),
        ErrorKind::Timeout => Cause::Disconnected("no answer to the handshake".into()),
        _ => Cause::Disconnected(words),
    }
}

/// An error of the operating system comes as its `Debug`, with the words for people in it.
fn words(details: &str) -> &str {
    ["message: \"", "error: \""]
        .into_iter()
        .find_map(|start| details.split_once(start)?.1.split_once('"'))
        .map_or(details, |(words, _)| words)
}

#[cfg(test)]
mod tests {
    use fred::types::{
        Builder,
        config::{Config, ReconnectPolicy},
    };
    use testkit::{RedisServer, eventually};
    use tokio::{net::TcpListener, runtime::Handle};

    use super::*;
    use crate::connection::{
        ConnectionManager,
        health::Class,
        limits::Limits,
        ties::{Part, Ties},
    };

    const SOON: Duration = Duration::from_secs(20);

    async fn started(server: &RedisServer) -> Arc<Core> {
        let client = Builder::from_config(Config::from_url(&server.url()).unwrap())
            .with_config(|config| config.fail_fast = false)
            .set_policy(ReconnectPolicy::new_constant(0, 1))
            .with_performance_config(|config| {
                config.default_command_timeout = Duration::from_secs(1);
            })
            .build()
            .unwrap();
        let ties = Ties::new(Limits::new(Default::default()));
        let runtime = Handle::current();
        let core = Arc::new(Core::new(client, runtime, "test".into(), ties, Part::Whole));
        core.start();
        eventually(SOON, async || core.health.borrow().is_up()).await;
        core
    }

    #[tokio::test]
    async fn a_connection_task_that_ends_is_replaced() {
        let server = RedisServer::start().await;
        let core = started(&server).await;
        // The library ends a client's task when the client is told to connect again; so this one ends too.
        let intruder = core.client.connect();
        eventually(SOON, async || {
            intruder.is_finished() && core.health.borrow().is_up()
        })
        .await;
        assert!(core.gate(Class::Read).is_up() && core.gate(Class::Write).is_up());
        core.closing.send_replace(true);
    }

    /// The library does not listen then.
    #[tokio::test]
    async fn closing_under_an_attempt_to_connect_leaves_no_task() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = silent.local_addr().unwrap();
        let tasks = || Handle::current().metrics().num_alive_tasks();
        let before = tasks();
        let manager = ConnectionManager::open(&format!("redis://{address}")).unwrap();
        let _held = silent.accept().await.unwrap();
        manager.close().await;
        eventually(SOON, async || tasks() == before).await;
    }

    #[test]
    fn an_error_of_the_operating_system_is_told_in_its_own_words() {
        let refused = r#"Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }"#;
        assert_eq!(words(refused), "Connection refused");
        assert_eq!(
            words(r#"Custom { kind: Other, error: "no such host" }"#),
            "no such host"
        );
        assert_eq!(words("Connection closed."), "Connection closed.");
    }
}
