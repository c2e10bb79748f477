//! What a request may spend on waiting for Redis, all its layers together.

mod account;
mod budget;
mod future;
mod layer;
mod service;
mod waiting;

pub(crate) use self::waiting::Waiting;
pub use self::{
    budget::RedisBudget, future::RedisBudgetFuture, layer::RedisBudgetLayer,
    service::RedisBudgetService,
};
