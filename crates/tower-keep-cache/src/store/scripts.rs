//! The scripts of the fill protocol. What each one takes, answers and is for stands at its head.

use tower_keep_core::connection::Script;

#[derive(Clone, Debug)]
pub(super) struct Scripts {
    pub(super) begin_fill: Script,
    pub(super) store: Script,
    pub(super) renew: Script,
    pub(super) release: Script,
    pub(super) invalidate: Script,
    pub(super) flush: Script,
}

const BEGIN_FILL: &str = concat!(include_str!("record.lua"), include_str!("begin_fill.lua"));
const STORE: &str = concat!(include_str!("record.lua"), include_str!("store.lua"));
const RENEW: &str = include_str!("renew.lua");
const RELEASE: &str = include_str!("release.lua");
const INVALIDATE: &str = concat!(include_str!("record.lua"), include_str!("invalidate.lua"));
const FLUSH: &str = concat!(include_str!("record.lua"), include_str!("flush.lua"));

impl Scripts {
    pub(super) fn new() -> Self {
        Self::from_sources(Script::write)
    }

    /// With each source as `make` makes it: how a test takes a rule out, or sets the clock.
    pub(super) fn from_sources(make: impl Fn(&'static str) -> Script) -> Self {
        Self {
            begin_fill: make(BEGIN_FILL).with_deadline(),
            store: make(STORE),
            renew: make(RENEW),
            release: make(RELEASE),
            invalidate: make(INVALIDATE),
            flush: make(FLUSH),
        }
    }
}
