use std::{
    convert::Infallible,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use fred::{
    clients::{Client, WithOptions},
    error::Error,
    interfaces::{ClientLike, KeysInterface},
    types::Resp3Frame,
};

use super::{
    command::{Call, Command},
    untyped::untyped,
};

pub(super) type Answer = Result<Resp3Frame, Error>;

/// Carries one command at a time through the client library.
///
/// The library's future for a command is several kilobytes large: too much for callers to have in their own futures,
/// and dear to allocate for each command. A carrier has the room for it once and goes again and again.
pub(super) struct Carrier {
    rounds: Pin<Box<dyn Future<Output = Infallible> + Send>>,
    hold: Arc<Mutex<Hold>>,
}

/// Where a carrier finds its command and leaves the answer. Who uses it and the carrier itself take turns, so nobody
/// ever waits for the lock.
#[derive(Default)]
struct Hold {
    command: Option<(Arc<WithOptions<Client>>, Command)>,
    answer: Option<Answer>,
}

impl Carrier {
    fn new() -> Self {
        let hold = Arc::default();
        Self {
            rounds: Box::pin(go_round(Arc::clone(&hold))),
            hold,
        }
    }

    /// Takes a command, to be sent at the next poll.
    pub(super) fn load(&self, client: Arc<WithOptions<Client>>, command: Command) {
        open(&self.hold).command = Some((client, command));
    }

    /// Ready with the answer to the command, and then free for the next.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Answer> {
        let Poll::Pending = self.rounds.as_mut().poll(context);
        match open(&self.hold).answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        }
    }
}

async fn go_round(hold: Arc<Mutex<Hold>>) -> Infallible {
    loop {
        // Who brings a command polls, so nobody has to be woken.
        let (client, command) = poll_fn(|_| match open(&hold).command.take() {
            Some(loaded) => Poll::Ready(loaded),
            None => Poll::Pending,
        })
        .await;
        let answer = match command.into_call() {
            Call::Get(key) => untyped(client.get(key).await),
            Call::MultiGet(keys) => untyped(client.mget(keys).await),
            Call::Custom(command, arguments) => client.custom_raw(command, arguments).await,
        };
        open(&hold).answer = Some(answer);
    }
}

fn open(hold: &Mutex<Hold>) -> MutexGuard<'_, Hold> {
    hold.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carrier").finish_non_exhaustive()
    }
}

/// The carriers that have nothing to do.
#[derive(Debug, Default)]
pub(super) struct Carriers {
    idle: Mutex<Vec<Carrier>>,
}

impl Carriers {
    /// So many stay after a rush, of about 5 KiB each.
    const IDLE: usize = 256;

    pub(super) fn take(&self) -> Carrier {
        let idle = self.lock().pop();
        idle.unwrap_or_else(Carrier::new)
    }

    /// Only a carrier whose answer was taken may come back.
    pub(super) fn put(&self, carrier: Carrier) {
        let mut idle = self.lock();
        if idle.len() < Self::IDLE {
            idle.push(carrier);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Carrier>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use fred::types::{Builder, config::Options};

    use super::*;

    #[tokio::test]
    async fn a_carrier_goes_again_and_brings_each_answer_once() {
        let client = Builder::default_centralized().build().unwrap();
        let options = Options {
            fail_fast: true,
            ..Options::default()
        };
        let client = Arc::new(client.with_options(&options));
        let carriers = Carriers::default();
        for _ in 0..3 {
            let mut carrier = carriers.take();
            carrier.load(Arc::clone(&client), Command::read("PING").anywhere());
            // It was never connected, and says so.
            let answer = poll_fn(|context| carrier.poll(context)).await;
            assert!(answer.is_err());
            let mut context = Context::from_waker(Waker::noop());
            assert!(carrier.poll(&mut context).is_pending());
            carriers.put(carrier);
            assert_eq!(carriers.lock().len(), 1);
        }
    }
}
