//! Flags, checked before anything is started.

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use http::Uri;
use http::uri::Authority;
use tower_keep::connection::{ConnectionBuilder, ConnectionManager};

use crate::duration;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A protective reverse proxy in front of any HTTP upstream.

usage: gateway --upstream URL [OPTIONS]

  --listen ADDRESS          address to serve on [default 127.0.0.1:8100]
  --upstream URL            http://host:port of the app; a path is not allowed
  --redis URL               redis://host:port/database, or memory: for a cache in this process;
                            needed unless --cache off
  --cache off|strict|default
                            strict: only what responses say, by the letter of RFC 9111;
                            default: the safe defaults, with the ttl below where a response says nothing
  --ttl TIME                how long a response is fresh that does not say so [default 60s; strict: off]
  --swr TIME                how long after that it is still served while a fresh one is fetched behind it
                            [default 30s; strict: off]
  --stale-if-error TIME     how long after that it is served if the upstream fails [default 10m; strict: off]
  --upstream-timeout TIME   how long the upstream may take to begin its answer [default 30s]
  --key-query NAMES         the query parameters that tell responses apart, separated by commas
                            [default: the whole query, sorted]
  --help                    print this

TIME is a whole number with its unit: 500ms, 30s, 10m, 1h; or off, where that makes sense. RUST_LOG sets what is logged
(default info).
";

const DEFAULT_LISTEN: &str = "127.0.0.1:8100";
const DEFAULT_TTL: Duration = Duration::from_secs(60);
const DEFAULT_SWR: Duration = Duration::from_secs(30);
const DEFAULT_STALE_IF_ERROR: Duration = Duration::from_secs(10 * 60);
const DEFAULT_UPSTREAM_TIMEOUT: Duration = Duration::from_secs(30);

const NAMES: [&str; 9] = [
    "listen",
    "upstream",
    "upstream-timeout",
    "redis",
    "cache",
    "ttl",
    "swr",
    "stale-if-error",
    "key-query",
];

/// Settings that are all there and all well-formed.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) upstream: Authority,
    pub(crate) upstream_timeout: Duration,
    pub(crate) caching: Option<Caching>,
}

/// How the cache is to behave.
#[derive(Debug)]
pub(crate) struct Caching {
    pub(crate) redis: ConnectionBuilder,
    pub(crate) strict: bool,
    pub(crate) ttl: Option<Duration>,
    pub(crate) stale_while_revalidate: Option<Duration>,
    pub(crate) stale_if_error: Option<Duration>,
    /// `None`: all of the query.
    pub(crate) key_query: Option<Vec<String>>,
}

/// Everything that is wrong with the settings, so that one look mends it all. Values are repeated only where they
/// cannot hold a password.
#[derive(Debug)]
pub(crate) struct SettingsError {
    problems: Vec<String>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Profile {
    Off,
    Strict,
    Default,
}

/// What was said, before it is known to make sense together.
#[derive(Default)]
struct Said {
    listen: Option<SocketAddr>,
    upstream: Option<Authority>,
    upstream_timeout: Option<Duration>,
    redis: Option<ConnectionBuilder>,
    profile: Option<Profile>,
    ttl: Option<Option<Duration>>,
    stale_while_revalidate: Option<Option<Duration>>,
    stale_if_error: Option<Option<Duration>>,
    key_query: Option<Vec<String>>,
}

impl Settings {
    /// Reads the arguments after the program's name. `None`: only help is asked for.
    pub(crate) fn read(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Option<Self>, SettingsError> {
        let mut said = Said::default();
        let mut problems = Vec::new();
        let mut parser = lexopt::Parser::from_args(arguments);
        loop {
            let name = match parser.next() {
                Ok(None) => break,
                Ok(Some(lexopt::Arg::Long("help") | lexopt::Arg::Short('h'))) => return Ok(None),
                Ok(Some(lexopt::Arg::Long(name))) => name.to_owned(),
                Ok(Some(other)) => {
                    problems.push(other.unexpected().to_string());
                    continue;
                }
                Err(error) => {
                    problems.push(error.to_string());
                    continue;
                }
            };
            if !NAMES.contains(&name.as_str()) {
                problems.push(format!("--{name} is not a setting"));
                // What stands behind a `=` is not taken for a setting of its own.
                let _ = parser.optional_value();
                continue;
            }
            let taken = parser
                .value()
                .map_err(|error| error.to_string())
                .and_then(|value| value.into_string().map_err(|_| "not UTF-8".to_owned()))
                .and_then(|value| said.take(&name, &value));
            problems.extend(taken.err().map(|problem| format!("--{name}: {problem}")));
        }
        said.settle(problems).map(Some)
    }
}

impl Said {
    fn take(&mut self, name: &str, text: &str) -> Result<(), String> {
        match name {
            "listen" => self.listen = Some(address(text)?),
            "upstream" => self.upstream = Some(upstream(text)?),
            "upstream-timeout" => self.upstream_timeout = Some(time(text)?),
            "redis" => self.redis = Some(redis(text)?),
            "cache" => self.profile = Some(profile(text)?),
            "ttl" => self.ttl = Some(time_or_off(text)?),
            "swr" => self.stale_while_revalidate = Some(time_or_off(text)?),
            "stale-if-error" => self.stale_if_error = Some(time_or_off(text)?),
            "key-query" => self.key_query = Some(list(text)),
            _ => return Err("not a setting".to_owned()),
        }
        Ok(())
    }

    fn settle(self, mut problems: Vec<String>) -> Result<Settings, SettingsError> {
        let profile = self.profile.unwrap_or(Profile::Default);
        // Each response says for itself how long it is good.
        let strict = profile == Profile::Strict;
        let unless_strict = |default| (!strict).then_some(default);
        let assumed = [
            ("ttl", self.ttl),
            ("swr", self.stale_while_revalidate),
            ("stale-if-error", self.stale_if_error),
        ];
        for (name, said) in assumed {
            if strict && said.flatten().is_some() {
                problems.push(format!("--{name} has no meaning with --cache strict"));
            }
        }
        if self.upstream.is_none() && !problems.iter().any(|text| text.starts_with("--upstream:")) {
            problems.push("--upstream is missing".to_owned());
        }
        let caching = match (profile, self.redis) {
            (Profile::Off, _) => None,
            (_, None) => {
                if !problems.iter().any(|text| text.starts_with("--redis:")) {
                    problems.push("--redis is missing (or say --cache off)".to_owned());
                }
                None
            }
            (_, Some(redis)) => Some(Caching {
                redis,
                strict,
                ttl: self.ttl.unwrap_or_else(|| unless_strict(DEFAULT_TTL)),
                stale_while_revalidate: self
                    .stale_while_revalidate
                    .unwrap_or_else(|| unless_strict(DEFAULT_SWR)),
                stale_if_error: self
                    .stale_if_error
                    .unwrap_or_else(|| unless_strict(DEFAULT_STALE_IF_ERROR)),
                key_query: self.key_query,
            }),
        };
        match self.upstream {
            Some(upstream) if problems.is_empty() => Ok(Settings {
                listen: self
                    .listen
                    .unwrap_or_else(|| DEFAULT_LISTEN.parse().expect("it is an address")),
                upstream,
                upstream_timeout: self.upstream_timeout.unwrap_or(DEFAULT_UPSTREAM_TIMEOUT),
                caching,
            }),
            _ => Err(SettingsError { problems }),
        }
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not an address such as {DEFAULT_LISTEN}"))
}

/// Text that may hold a password is not repeated.
fn upstream(text: &str) -> Result<Authority, String> {
    let wanted = || "a URL such as http://127.0.0.1:8000 is wanted".to_owned();
    let uri: Uri = text.parse().map_err(|_| wanted())?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => {
            return Err("TLS to the upstream is not spoken: name its plain address".to_owned());
        }
        _ => return Err(wanted()),
    }
    let authority = uri.authority().ok_or_else(wanted)?;
    if authority.as_str().contains('@') {
        return Err("a user has no meaning here: clients send their own credentials".to_owned());
    }
    if uri.path() != "/" || uri.query().is_some() {
        return Err("a path is not allowed: requests keep their own".to_owned());
    }
    Ok(authority.clone())
}

fn redis(text: &str) -> Result<ConnectionBuilder, String> {
    ConnectionManager::builder(text).map_err(|error| error.to_string())
}

fn profile(text: &str) -> Result<Profile, String> {
    match text {
        "off" => Ok(Profile::Off),
        "strict" => Ok(Profile::Strict),
        "default" => Ok(Profile::Default),
        _ => Err(format!("`{text}` is none of off, strict and default")),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    duration::parse(text)
        .filter(|time| !time.is_zero())
        .ok_or_else(|| format!("`{text}` is not a time such as 30s"))
}

fn time_or_off(text: &str) -> Result<Option<Duration>, String> {
    if text == "off" {
        return Ok(None);
    }
    duration::parse(text)
        .map(Some)
        .ok_or_else(|| format!("`{text}` is not a time such as 30s, nor off"))
}

fn list(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for SettingsError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Settings, String> {
        Settings::read(arguments.iter().map(OsString::from))
            .map(|settings| settings.expect("help was not asked for"))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_those_of_the_help() {
        let settings = read(&["--upstream", "http://app:8000", "--redis", "memory:"]).unwrap();
        assert_eq!(settings.listen.to_string(), DEFAULT_LISTEN);
        assert_eq!(settings.upstream, "app:8000");
        assert_eq!(settings.upstream_timeout, DEFAULT_UPSTREAM_TIMEOUT);
        let caching = settings.caching.unwrap();
        assert!(!caching.strict);
        assert_eq!(caching.ttl, Some(DEFAULT_TTL));
        assert_eq!(caching.stale_while_revalidate, Some(DEFAULT_SWR));
        assert_eq!(caching.stale_if_error, Some(DEFAULT_STALE_IF_ERROR));
    }

    #[test]
    fn the_strict_profile_assumes_nothing() {
        let strict = ["--upstream=http://app", "--redis=memory:", "--cache=strict"];
        let caching = read(&strict).unwrap().caching.unwrap();
        assert_eq!(caching.ttl, None);
        assert_eq!(caching.stale_while_revalidate, None);
        assert_eq!(caching.stale_if_error, None);

        let error = read(&[&strict[..], &["--ttl", "5s", "--swr", "off"]].concat()).unwrap_err();
        assert_eq!(error, "--ttl has no meaning with --cache strict");
    }

    #[test]
    fn without_a_cache_no_redis_is_needed() {
        let settings = read(&["--upstream", "http://app", "--cache", "off"]).unwrap();
        assert!(settings.caching.is_none());
    }

    #[test]
    fn every_bad_setting_is_named_in_one_go() {
        let text = read(&[
            "--listen=here",
            "--upstream=http://root:hunter2@app/",
            "--ttl=5",
            "--colour=red",
            "--cache=fast",
            "extra",
        ])
        .unwrap_err();
        for part in [
            "--listen: `here` is not an address",
            "--upstream: a user has no meaning",
            "--ttl: `5` is not a time",
            "--colour is not a setting",
            "--cache: `fast` is none of",
            "extra",
            "--redis is missing",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("hunter2"));
        assert!(!text.contains("--upstream is missing"));
    }

    #[test]
    fn an_upstream_is_a_plain_address() {
        for (url, problem) in [
            ("app:8000", "is wanted"),
            ("https://app", "TLS"),
            ("http://app/shop", "a path"),
            ("http://app/?a=1", "a path"),
            ("", "is wanted"),
        ] {
            let error = upstream(url).unwrap_err();
            assert!(error.contains(problem), "{url}: {error}");
        }
    }
}
