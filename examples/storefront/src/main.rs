//! A product catalogue on axum, sqlx and Postgres behind tower-keep's response cache.
//!
//! `storefront --help` lists the settings; `cargo xtask demo` starts it with everything it needs.

mod catalogue;
mod failure;
mod operations;
mod serve;
mod settings;
mod shop;
mod telemetry;

use std::env;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use crate::settings::{HELP, Settings};

/// The settings are wrong; anything else that ends the service is 1.
const BAD_SETTINGS: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let settings = match Settings::read(env::args_os().skip(1), |name| env::var_os(name)) {
        Ok(Some(settings)) => settings,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\nTry storefront --help.");
            return ExitCode::from(BAD_SETTINGS);
        }
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    match serve::serve(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
