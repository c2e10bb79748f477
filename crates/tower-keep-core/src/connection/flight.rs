//! One operation in flight.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use fred::{
    clients::{Client, WithOptions},
    types::Resp3Frame,
};

use crate::{breaker::Permit, redis_budget::Waiting};

use super::{carrier::Carrier, command::Command, core::Core, error::CommandError, health::Class};

/// A place in flight. Given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) core: Arc<Core>,
    /// When it was taken, as the core counts time.
    pub(super) departed: Duration,
    /// The deadline of the operation that took it, as the core counts time.
    pub(super) due: Duration,
    /// Whether that is earlier than its handle's deadline: then it says more about the caller than about the server.
    pub(super) hurried: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.core.traffic.land();
    }
}

/// An operation in flight: what carries its command, and the place that it takes.
///
/// Dropped before it is done it goes on in the background, to the end of the client library's own timer: only that
/// timer takes an unsent command out of the queue, and only then is its place free. Wrapping the library's future in
/// another timeout would leave the command queued, to be executed later.
pub(super) struct Flight {
    class: Class,
    permit: Permit,
    sending: Option<(Carrier, Place)>,
    /// The request whose time runs while its caller waits.
    waiting: Option<Waiting>,
    /// The library sends at the first poll; what was never polled needs nothing.
    sent: bool,
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight")
            .field("class", &self.class)
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}

impl Flight {
    /// Takes a place for a command, without sending it yet.
    pub(super) fn prepare(
        place: Place,
        client: Arc<WithOptions<Client>>,
        command: Command,
        permit: Permit,
    ) -> Self {
        let class = command.class;
        let carrier = place.core.carriers.take();
        carrier.load(client, command);
        Self {
            class,
            permit,
            sending: Some((carrier, place)),
            waiting: None,
            sent: false,
        }
    }

    /// Takes the time of a request, which has perhaps `hurried` it.
    pub(super) fn charged(mut self, waiting: Waiting, hurried: bool) -> Self {
        if let Some((_, place)) = &mut self.sending {
            place.hurried = hurried;
        }
        self.waiting = Some(waiting);
        self
    }

    /// Sends it at the first poll; ready when it is answered or given up.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Resp3Frame, CommandError>> {
        self.sent = true;
        let (carrier, _) = self
            .sending
            .as_mut()
            .expect("a flight is not polled after its end");
        let answer = ready!(carrier.poll(context));
        let (carrier, place) = self.sending.take().expect("it was there to be polled");
        place.core.carriers.put(carrier);
        Poll::Ready(place.core.settle(&place, self.class, self.permit, answer))
    }

    /// Sends it and waits for its reply, its deadline, or the gate.
    #[allow(
        clippy::manual_async_fn,
        reason = "it would have room for the flight twice, and who waits for it carries that along"
    )]
    pub(super) fn finish(
        mut self,
    ) -> impl Future<Output = Result<Resp3Frame, CommandError>> + Send {
        async move {
            let (_, place) = self
                .sending
                .as_ref()
                .expect("it has not ended before it began");
            let core = Arc::clone(&place.core);
            let gate = core.gate(self.class);
            let mut shut = pin!(gate.shut.notified());
            poll_fn(|context| {
                if self.sent {
                    if let Poll::Ready(result) = self.poll(context) {
                        return Poll::Ready(result);
                    }
                }
                if shut.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Err(match self.sent {
                        true => CommandError::Interrupted,
                        false => core.refuse(self.class, core.refusal(self.class)),
                    }));
                }
                if self.sent {
                    return Poll::Pending;
                }
                // Asked again now that a gate that shuts wakes this operation.
                match gate.is_up() {
                    true => self.poll(context),
                    false => Poll::Ready(Err(core.refuse(self.class, core.refusal(self.class)))),
                }
            })
            .await
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let Some((mut carrier, place)) = self.sending.take() else {
            return;
        };
        if self.sent {
            place.core.ledger.abandoned(self.class);
            let runtime = place.core.runtime.clone();
            runtime.spawn(async move {
                let answer = poll_fn(|context| carrier.poll(context)).await;
                place.core.carriers.put(carrier);
                place.core.settle_unasked(&place, &answer);
            });
        }
    }
}
