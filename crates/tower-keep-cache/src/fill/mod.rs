//! A miss: the handler runs in a task of its own, and its body goes to the client while it is captured.

mod capture;
mod confirmed;
mod failure;
mod pump;
mod run;

pub(crate) use self::{failure::Failure, run::Leader};
