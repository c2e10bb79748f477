//! The commands of the tower-keep workspace; `cargo xtask help` lists them.

mod bench;
mod child;
mod command;
mod demo;
mod doctor;
mod failure;
mod faults;
mod http;
mod print;
mod provision;
mod test;
mod workspace;

use std::env;
use std::process::ExitCode;

use crate::command::Command;
use crate::failure::Outcome;

/// The command line is wrong; anything else that fails is 1.
const BAD_USAGE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let command = match Command::parse(env::args_os().skip(1)) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(BAD_USAGE);
        }
    };
    match run(command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Outcome {
    match command {
        Command::Help(text) => {
            print::line(text.trim_end());
            Ok(())
        }
        Command::Doctor(options) => doctor::run(&options).await,
        Command::Test(options) => test::run(&options).await,
        Command::Faults(options) => faults::run(&options).await,
        Command::Demo(options) => demo::run(&options).await,
        Command::Bench(options) => bench::run(&options).await,
        Command::Soak(options) => demo::soak(&options).await,
    }
}
