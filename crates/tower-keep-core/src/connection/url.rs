//! Reads a connection URL. Pure: nothing is looked up or opened.

use std::{path::PathBuf, str::FromStr, time::Duration};

use percent_encoding::percent_decode_str;

use super::{
    error::OpenError,
    limits::Overrides,
    secret::Secret,
    target::{Address, Node, Target},
    tls::{Pem, TlsSettings},
};

const MISPLACED_AT: &str = "an `@` after the host: percent-encode the special characters of the password (`/` is %2F, `?` is %3F, `@` is %40)";

const MISPLACED_AMPERSAND: &str = "what follows `sentinel_password` is no setting: percent-encode the special characters of the password (`&` is %26)";

/// A URL taken apart.
#[derive(Clone, Debug)]
pub(super) struct ConnectionUrl {
    pub(super) target: Target,
    pub(super) overrides: Overrides,
    pub(super) tls: TlsSettings,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Server,
    Unix,
    Cluster,
    Sentinel,
}

impl FromStr for ConnectionUrl {
    type Err = OpenError;

    fn from_str(url: &str) -> Result<Self, OpenError> {
        let (scheme, rest) = url
            .split_once(':')
            .ok_or_else(|| OpenError::Scheme(String::new()))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        if query.contains('@') {
            return Err(OpenError::Address(MISPLACED_AT));
        }
        if scheme == "memory" {
            return memory(rest, query);
        }
        let (kind, tls) = kind_of(scheme)?;
        let rest = rest
            .strip_prefix("//")
            .ok_or(OpenError::Address("`//` is missing after the scheme"))?;
        // A host has no slash, so the first one ends it; a password has none either, unless percent-encoded.
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if path.contains('@') {
            return Err(OpenError::Address(MISPLACED_AT));
        }
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (Some(credentials), hosts),
            None => (None, authority),
        };
        let options = Options::read(query, kind, tls)?;

        let mut target = Target::new(address(kind, hosts, path, &options)?);
        target.tls = tls;
        if let Some(credentials) = credentials {
            (target.username, target.password) = read_credentials(credentials)?;
        }
        target.database = match kind {
            Kind::Unix => options.database,
            Kind::Cluster if path.len() > 1 => {
                return Err(OpenError::Address(
                    "a cluster has no databases, so the URL has no path",
                ));
            }
            _ => read_database(path)?,
        };
        Ok(Self {
            target,
            overrides: options.overrides,
            tls: options.tls_settings,
        })
    }
}

fn memory(rest: &str, query: &str) -> Result<ConnectionUrl, OpenError> {
    if !matches!(rest, "" | "//") {
        return Err(OpenError::Address("`memory:` has no address"));
    }
    // Checked like any other URL's, so that a typing error shows before the move to a server.
    let options = Options::read(query, Kind::Server, false)?;
    Ok(ConnectionUrl {
        target: Target::new(Address::Memory),
        overrides: options.overrides,
        tls: options.tls_settings,
    })
}

fn kind_of(scheme: &str) -> Result<(Kind, bool), OpenError> {
    let unknown = || {
        // What stands before the first colon of a URL without a scheme may be a name or a password.
        let known_shape = scheme.len() < 24
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || b"+-".contains(&byte));
        OpenError::Scheme(if known_shape {
            scheme.to_owned()
        } else {
            String::new()
        })
    };
    let (tls, suffix) = [
        ("rediss", true),
        ("valkeys", true),
        ("redis", false),
        ("valkey", false),
    ]
    .into_iter()
    .find_map(|(name, tls)| Some((tls, scheme.strip_prefix(name)?)))
    .ok_or_else(unknown)?;
    let kind = match suffix {
        "" => Kind::Server,
        "+unix" if !tls => Kind::Unix,
        "-cluster" => Kind::Cluster,
        "-sentinel" => Kind::Sentinel,
        _ => return Err(unknown()),
    };
    Ok((kind, tls))
}

fn address(kind: Kind, hosts: &str, path: &str, options: &Options) -> Result<Address, OpenError> {
    let nodes = |default_port| -> Result<Vec<Node>, OpenError> {
        let more = options.nodes.iter().map(String::as_str);
        hosts
            .split(',')
            .chain(more)
            .map(|host| read_node(host, default_port))
            .collect()
    };
    Ok(match kind {
        Kind::Server => Address::Server(read_node(hosts, 6379)?),
        // Some tools cannot write credentials without a host.
        Kind::Unix if !matches!(hosts, "" | "localhost") => {
            return Err(OpenError::Address(
                "a unix socket has no host: write redis+unix:///path/to/socket",
            ));
        }
        Kind::Unix if path.len() < 2 => {
            return Err(OpenError::Address("the path of the unix socket is missing"));
        }
        Kind::Unix => Address::Unix(PathBuf::from(decode(path)?)),
        Kind::Cluster => Address::Cluster(nodes(6379)?),
        Kind::Sentinel => Address::Sentinel {
            nodes: nodes(26379)?,
            service: options
                .sentinel_service
                .clone()
                .ok_or(OpenError::MissingOption("sentinel_service"))?,
            username: options.sentinel_username.clone(),
            password: options.sentinel_password.clone(),
        },
    })
}

fn decode(text: &str) -> Result<String, OpenError> {
    percent_decode_str(text)
        .decode_utf8()
        .map(|text| text.into_owned())
        .map_err(|_| OpenError::Address("the percent-encoded text is not UTF-8"))
}

/// `user:password` or `:password`.
fn read_credentials(text: &str) -> Result<(Option<String>, Option<Secret>), OpenError> {
    // Tools disagree whether one word alone is a name or a password, so it is not guessed.
    let (username, password) = text.split_once(':').ok_or(OpenError::Address(
        "write `:password@` or `user:password@` before the host",
    ))?;
    let username = (!username.is_empty())
        .then(|| decode(username))
        .transpose()?;
    Ok((username, Some(Secret::new(decode(password)?))))
}

fn read_node(text: &str, default_port: u16) -> Result<Node, OpenError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest
                .split_once(']')
                .ok_or(OpenError::Address("`]` is missing after the IPv6 address"))?;
            match port {
                "" => (host, None),
                _ => (
                    host,
                    Some(
                        port.strip_prefix(':')
                            .ok_or(OpenError::Address("after `]` comes `:` and a port"))?,
                    ),
                ),
            }
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() {
        return Err(OpenError::Address("the host is missing"));
    }
    let port = match port {
        Some(port) => port
            .parse()
            .map_err(|_| OpenError::Address("the port is not a number from 0 to 65535"))?,
        None => default_port,
    };
    Ok(Node {
        host: decode(host)?,
        port,
    })
}

fn read_database(path: &str) -> Result<Option<u8>, OpenError> {
    match path.strip_prefix('/').unwrap_or(path) {
        "" => Ok(None),
        number => number
            .parse()
            .map(Some)
            .map_err(|_| OpenError::Database(number.to_owned())),
    }
}

/// What stands after the `?`.
#[derive(Default)]
struct Options {
    overrides: Overrides,
    database: Option<u8>,
    nodes: Vec<String>,
    sentinel_service: Option<String>,
    sentinel_username: Option<String>,
    sentinel_password: Option<Secret>,
    tls: bool,
    tls_settings: TlsSettings,
}

impl Options {
    fn read(query: &str, kind: Kind, tls: bool) -> Result<Self, OpenError> {
        let mut options = Self {
            tls,
            ..Self::default()
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            options.set(name, decode(value)?, kind)?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: String, kind: Kind) -> Result<(), OpenError> {
        let overrides = &mut self.overrides;
        match name {
            "command_timeout" => {
                overrides.command_timeout = Some(duration("command_timeout", value)?)
            }
            "stall_age" => overrides.stall_age = Some(duration("stall_age", value)?),
            "in_flight" => overrides.in_flight = Some(count("in_flight", value)?),
            "connect_timeout" => {
                overrides.connect_timeout = Some(duration("connect_timeout", value)?)
            }
            "tcp_user_timeout" => {
                overrides.tcp_user_timeout = Some(duration("tcp_user_timeout", value)?)
            }
            "probe_interval" => overrides.probe_interval = Some(duration("probe_interval", value)?),
            "reconnect_after_timeouts" => {
                overrides.reconnect_after_timeouts =
                    Some(count("reconnect_after_timeouts", value)?);
            }
            "reconnect_after_silence" => {
                overrides.reconnect_after_silence =
                    Some(duration("reconnect_after_silence", value)?);
            }
            "db" if kind == Kind::Unix => self.database = Some(count("db", value)?),
            "node" if matches!(kind, Kind::Cluster | Kind::Sentinel) => self.nodes.push(value),
            "sentinel_service" if kind == Kind::Sentinel => self.sentinel_service = Some(value),
            "sentinel_username" if kind == Kind::Sentinel => self.sentinel_username = Some(value),
            "sentinel_password" if kind == Kind::Sentinel => {
                self.sentinel_password = Some(Secret::new(value))
            }
            "ca" if self.tls => self.tls_settings.roots = Some(Pem::file(value)),
            "cert" if self.tls => self.tls_settings.chain = Some(Pem::file(value)),
            "key" if self.tls => self.tls_settings.key = Some(Pem::file(value)),
            // It may be the rest of the password.
            _ if self.sentinel_password.is_some() => {
                return Err(OpenError::Address(MISPLACED_AMPERSAND));
            }
            _ => return Err(OpenError::UnknownOption(name.to_owned())),
        }
        Ok(())
    }
}

/// A whole number that is not zero, except for `db`.
fn count<T: FromStr + Default + PartialEq>(
    name: &'static str,
    value: String,
) -> Result<T, OpenError> {
    match value.parse() {
        Ok(number) if name == "db" || number != T::default() => Ok(number),
        _ => Err(OpenError::InvalidOption {
            name,
            value,
            expected: "a whole number from 1",
        }),
    }
}

fn duration(name: &'static str, value: String) -> Result<Duration, OpenError> {
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = value.split_at(digits);
    let duration = number.parse::<u64>().ok().and_then(|number| match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        _ => None,
    });
    match duration {
        Some(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(OpenError::InvalidOption {
            name,
            value,
            expected: "a duration such as 20ms or 1s",
        }),
    }
}

#[cfg(test)]
mod tests;
