//! What the leader of a flight holds.

use std::{any::Any, fmt, future::Future, sync::Arc, time::Duration};

use tokio::{sync::oneshot, time::Instant};
use tower_keep_core::connection::CommandError;

use super::admission::Hit;
use crate::{
    entry::Entry,
    store::{Elsewhere, RefusedCause},
    tag::TagId,
};

/// The right, and the duty, to run the handler for everybody who waits.
///
/// It belongs into the detached task that runs the handler. Exactly one of [`store`](Self::store),
/// [`fail`](Self::fail) and [`refuse`](Self::refuse) ends it; dropped instead, its leader has vanished, and
/// exactly one of those who wait becomes the new one.
#[derive(Debug)]
#[must_use = "dropped, it makes somebody else the leader"]
pub(crate) struct Fill {
    report: oneshot::Sender<Report>,
    unstored: Option<Unstored>,
    waited_for: bool,
    base: Option<Hit>,
    deadline: Instant,
}

/// An entry that a fill has brought.
#[derive(Debug)]
pub(crate) struct Brought {
    pub(crate) entry: Arc<Entry>,
    /// Those that are not expected for the key anyway.
    pub(crate) tags: Vec<TagId>,
    /// How long it is kept: for as long as it is fresh, and may be of use after that.
    pub(crate) life: Duration,
    /// Its body is that of the fill's base, which the handler was asked about.
    pub(crate) renewed: bool,
    /// Whether others may be answered with it who have not asked the handler themselves.
    pub(crate) shared: bool,
    /// Where it goes, if not under the fill's key alone.
    pub(crate) elsewhere: Option<Elsewhere>,
}

/// How a fill ends, as its driver hears it.
pub(super) enum Report {
    Store(Brought, oneshot::Sender<FillOutcome>),
    Fail(Arc<dyn Any + Send + Sync>),
    Refuse { failed: bool },
}

/// What became of the entry of a fill.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FillOutcome {
    Stored,
    /// An invalidation came between, or the lease was lost: the entry is not in the cache.
    Refused(RefusedCause),
    Unstored(Unstored),
}

/// Why a fill did not try to store.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Unstored {
    /// Redis is away, or did not answer.
    Redis(CommandError),
    /// One of the tags is held: for a moment after an invalidation nothing may be stored under it.
    Held,
    /// An invalidation of one of the tags has not been acknowledged yet.
    Pending,
    /// The fill took longer than the fill timeout, or its runtime has stopped.
    Abandoned,
}

impl Fill {
    pub(super) fn new(
        unstored: Option<Unstored>,
        waited_for: bool,
        base: Option<Hit>,
        deadline: Instant,
    ) -> (Self, oneshot::Receiver<Report>) {
        let (report, reported) = oneshot::channel();
        (
            Self {
                report,
                unstored,
                waited_for,
                base,
                deadline,
            },
            reported,
        )
    }

    /// Whether the entry may be stored. If not, `store` still hands it to those who may have it.
    pub(crate) fn may_store(&self) -> bool {
        self.unstored.is_none()
    }

    /// Why not, if it may not be stored.
    pub(crate) fn unstored(&self) -> Option<&Unstored> {
        self.unstored.as_ref()
    }

    /// Whether an entry is of use to anybody. If not, nothing need be captured, and the fill may simply be dropped
    /// when the handler is done.
    pub(crate) fn is_wanted(&self) -> bool {
        self.may_store() || self.waited_for
    }

    /// The entry that is there and was not good enough: the handler may be asked whether it still is.
    pub(crate) fn base(&self) -> Option<&Hit> {
        self.base.as_ref()
    }

    /// When the fill must be over. Nobody waits for it any longer then, and nothing is stored.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// As [`bring`](Self::bring), with an entry that is for everybody, and kept for `life`.
    pub(crate) fn store(
        self,
        entry: Entry,
        tags: Vec<TagId>,
        life: Duration,
    ) -> impl Future<Output = FillOutcome> + Send {
        self.bring(Brought {
            entry: Arc::new(entry),
            tags,
            life,
            renewed: false,
            shared: true,
            elsewhere: None,
        })
    }

    /// Hands the entry to those who wait for it, and stores it.
    ///
    /// Closes the flight to joiners before the store is sent.
    /// Goes on also if nobody waits for what is returned.
    pub(crate) fn bring(self, brought: Brought) -> impl Future<Output = FillOutcome> + Send {
        let (answer, answered) = oneshot::channel();
        let report = Report::Store(brought, answer);
        // Without a driver there is nobody to answer, and the receiver says so.
        let _ = self.report.send(report);
        async move {
            answered
                .await
                .unwrap_or(FillOutcome::Unstored(Unstored::Abandoned))
        }
    }

    /// The handler failed: everybody who waits gets a copy of the failure.
    pub(crate) fn fail(self, copy: Arc<dyn Any + Send + Sync>) {
        let _ = self.report.send(Report::Fail(copy));
    }

    /// The answer may not be stored: everybody who waits is released at once to run alone, and the next wave does
    /// not wait at all.
    pub(crate) fn refuse(self) {
        let _ = self.report.send(Report::Refuse { failed: false });
    }

    /// As [`refuse`](Self::refuse), where the handler has failed, and how is for nobody else.
    pub(crate) fn refuse_failure(self) {
        let _ = self.report.send(Report::Refuse { failed: true });
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Store(..) => "Store",
            Self::Fail(_) => "Fail",
            Self::Refuse { .. } => "Refuse",
        })
    }
}
