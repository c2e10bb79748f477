//! PostgreSQL servers, and a client of a few lines to make databases in them.

mod builder;
mod connection;
mod database;
mod install;
mod scram;
mod server;
mod target;

pub use builder::PostgresBuilder;
pub use connection::Connection;
pub use database::Database;
pub use server::PostgresServer;
