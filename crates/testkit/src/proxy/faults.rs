use std::sync::Arc;
use std::time::Duration;

/// Which bytes a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two directions")]
pub enum Direction {
    /// What the client says.
    ToServer,
    /// What the server says.
    ToClient,
    /// Either.
    Both,
}

/// What is wrong at the moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    pub(super) to_server: Way,
    pub(super) to_client: Way,
    pub(super) refuse: bool,
    /// How the connections that exist are to end, and how often that was said so far.
    pub(super) end: End,
    pub(super) ends: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Way {
    pub(super) delay: Duration,
    pub(super) black_hole: bool,
    pub(super) truncate: Option<Truncate>,
    pub(super) insert: Option<Insert>,
}

/// Each connection passes on `bytes` more since this was said for the `number`th time, and then ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Truncate {
    pub(super) number: u64,
    pub(super) bytes: u64,
    pub(super) end: End,
}

/// Each connection passes on these bytes once since this was said for the `number`th time, beside what it passes on next.
#[derive(Clone, Debug)]
pub(super) struct Insert {
    pub(super) number: u64,
    pub(super) what: Insertion,
}

#[derive(Clone, Debug)]
pub(super) enum Insertion {
    /// These bytes, before what is passed on.
    Garbage(Arc<[u8]>),
    /// What is passed on, once more.
    Repeat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    /// FIN
    #[default]
    Cut,
    /// RST
    Reset,
}

impl Faults {
    pub(super) fn each(&mut self, direction: Direction, mut change: impl FnMut(&mut Way)) {
        if direction != Direction::ToClient {
            change(&mut self.to_server);
        }
        if direction != Direction::ToServer {
            change(&mut self.to_client);
        }
    }

    pub(super) fn is_black_hole(&self) -> bool {
        self.to_server.black_hole && self.to_client.black_hole
    }
}
