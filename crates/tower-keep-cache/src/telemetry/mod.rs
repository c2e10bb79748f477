//! What is counted about requests, by the owner of the entries that they ask for.
//!
//! | File | What it holds |
//! |---|---|
//! | `handled` | what a request came to, as one of a few words |
//! | `owner` | the counts of one owner (pure) |
//! | `owners` | the owners of one cache, and the task that publishes what they have counted |
//! | `slot` | the owner that a route has had last, so that it need not be looked up for each request |

mod handled;
mod owner;
mod owners;
mod slot;

pub(crate) use self::{handled::Handled, owner::Owner, owners::Owners, slot::OwnerSlot};
