use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::Extensions;
use http::request::Parts;

use super::cidr::first_bits;
use super::forwarded::ForwardedBy;
use super::subject::Origin;
use super::{Cidr, MissingSubject, Subject, SubjectExtractor};

/// The client's address: the peer's, or behind proxies the one that *they* saw.
///
/// Proxies append the address they were called from to a header, so what can be trusted is at its right end, and everything
/// further left is what the client claims. Say which proxies there are, by number ([`ClientIp::behind`])
/// or by address ([`ClientIp::trusting`]), and which header they write ([`ClientIp::forwarded`]).
///
/// The peer's address is taken from axum's `ConnectInfo<SocketAddr>` (feature `axum`), else from a
/// [`SocketAddr`] in the request's extensions.
///
/// As a subject an IPv6 address stands for its network of 64 bits
/// ([RFC 4291 §2.5.1](https://www.rfc-editor.org/rfc/rfc4291#section-2.5.1): that much belongs to one subscriber, who can have a
/// new address for each request). An IPv4 address mapped into IPv6 is the IPv4 address.
///
/// ```
/// use tower_keep_core::extract::ClientIp;
///
/// let request = http::Request::get("/")
///     .header("x-forwarded-for", "198.51.100.66, 203.0.113.9, 10.0.0.7")
///     .extension(std::net::SocketAddr::from(([10, 0, 0, 1], 4711)))
///     .body(())?;
/// let (parts, ()) = request.into_parts();
///
/// let peer = ClientIp::peer().address(&parts)?;
/// assert_eq!(peer.to_string(), "10.0.0.1");
///
/// let behind_two = ClientIp::behind(2).address(&parts)?;
/// assert_eq!(behind_two.to_string(), "203.0.113.9");
///
/// let trusting = ClientIp::trusting(["10.0.0.0/8".parse()?]).address(&parts)?;
/// assert_eq!(trusting.to_string(), "203.0.113.9");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientIp {
    trusted: Trusted,
    forwarded_by: ForwardedBy,
    ipv6_prefix: u8,
}

#[derive(Clone, Debug)]
enum Trusted {
    Nobody,
    Proxies(usize),
    Networks(Arc<[Cidr]>),
}

impl ClientIp {
    /// The address that the connection is from. Right where clients connect directly.
    pub fn peer() -> Self {
        Self::new(Trusted::Nobody)
    }

    /// The address behind this many proxies, all of which append to the header; 0 is [`ClientIp::peer`].
    ///
    /// Right only if there is no way around the proxies: who connects past them writes the whole header.
    /// A request with fewer entries names no subject. The peer is the first proxy, its address is not
    /// needed: this works behind a unix socket.
    pub fn behind(proxies: usize) -> Self {
        Self::new(match proxies {
            0 => Trusted::Nobody,
            proxies => Trusted::Proxies(proxies),
        })
    }

    /// The first address, from the peer leftwards, that is not in these networks.
    ///
    /// Right also where some requests come past the proxies: a peer outside the networks is the client, whatever header it sends.
    /// If all are inside, the leftmost is the client: a machine of your own that speaks for itself.
    pub fn trusting(networks: impl IntoIterator<Item = Cidr>) -> Self {
        Self::new(Trusted::Networks(networks.into_iter().collect()))
    }

    fn new(trusted: Trusted) -> Self {
        Self {
            trusted,
            forwarded_by: ForwardedBy::XForwardedFor,
            ipv6_prefix: 64,
        }
    }

    /// The proxies write `Forwarded` ([RFC 7239](https://www.rfc-editor.org/rfc/rfc7239)).
    ///
    /// Defaults to `X-Forwarded-For`, which most write. Never both: a proxy that writes the one passes on the
    /// other as the client made it up.
    #[must_use]
    pub fn forwarded(mut self) -> Self {
        self.forwarded_by = ForwardedBy::Forwarded;
        self
    }

    /// How many bits of an IPv6 address make the subject.
    ///
    /// Defaults to 64. Providers hand out up to 48 to one subscriber; 128 tells all addresses apart, which
    /// lets a single machine have as many subjects as it likes.
    ///
    /// # Panics
    ///
    /// If it is more than 128.
    #[must_use]
    #[track_caller]
    pub fn ipv6_prefix(mut self, bits: u8) -> Self {
        assert!(bits <= 128, "an IPv6 address has 128 bits, not {bits}");
        self.ipv6_prefix = bits;
        self
    }

    /// The whole address of the client.
    ///
    /// # Errors
    ///
    /// [`MissingSubject`] if the service does not know its peers' addresses, or the proxies have not appended what
    /// they should.
    pub fn address(&self, parts: &Parts) -> Result<IpAddr, MissingSubject> {
        let address = match &self.trusted {
            Trusted::Nobody => peer(&parts.extensions)?,
            Trusted::Proxies(proxies) => self.behind_proxies(parts, *proxies)?,
            Trusted::Networks(networks) => self.outside(parts, networks)?,
        };
        Ok(address.to_canonical())
    }

    fn behind_proxies(&self, parts: &Parts, proxies: usize) -> Result<IpAddr, MissingSubject> {
        let mut forwarded = self.forwarded_by.addresses(&parts.headers);
        match forwarded.nth(proxies - 1) {
            Some(Some(address)) => Ok(address),
            Some(None) => Err(self.hidden()),
            None => Err(MissingSubject::in_service(format!(
                "the request has fewer than {proxies} entries in `{name}`: each of the {proxies} proxies has to append \
                 one to this very header, and nobody may come past them (else use `ClientIp::trusting`)",
                name = self.forwarded_by.name(),
            ))),
        }
    }

    fn outside(&self, parts: &Parts, networks: &[Cidr]) -> Result<IpAddr, MissingSubject> {
        let is_trusted = |address| networks.iter().any(|network| network.contains(address));
        let mut client = peer(&parts.extensions)?;
        let mut forwarded = self.forwarded_by.addresses(&parts.headers);
        while is_trusted(client) {
            match forwarded.next() {
                Some(Some(address)) => client = address,
                Some(None) => return Err(self.hidden()),
                None => break,
            }
        }
        Ok(client)
    }

    fn hidden(&self) -> MissingSubject {
        MissingSubject::in_service(format!(
            "a proxy has written something other than an address to `{}`: let it append the address it was called from",
            self.forwarded_by.name(),
        ))
    }
}

impl SubjectExtractor for ClientIp {
    fn subject(&self, parts: &Parts) -> Result<Subject, MissingSubject> {
        Ok(match self.address(parts)? {
            IpAddr::V6(address) if self.ipv6_prefix < 128 => {
                let network = first_bits(address, self.ipv6_prefix).octets();
                Subject::from_parts(Origin::Address, &[&network, &[self.ipv6_prefix]])
            }
            address => address.into(),
        })
    }
}

fn peer(extensions: &Extensions) -> Result<IpAddr, MissingSubject> {
    #[cfg(feature = "axum")]
    if let Some(address) = super::axum::peer(extensions) {
        return Ok(address.ip());
    }
    match extensions.get::<SocketAddr>() {
        Some(address) => Ok(address.ip()),
        None => Err(MissingSubject::in_service(
            "the peer's address is not in the request: serve an axum `Router` with \
             `into_make_service_with_connect_info::<SocketAddr>()` and tower-keep's feature `axum`, \
             elsewhere insert a `std::net::SocketAddr` into the request's extensions",
        )),
    }
}
