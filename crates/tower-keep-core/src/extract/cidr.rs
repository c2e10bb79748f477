use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses in CIDR notation ([RFC 4632 §3.1](https://www.rfc-editor.org/rfc/rfc4632#section-3.1),
/// [RFC 4291 §2.3](https://www.rfc-editor.org/rfc/rfc4291#section-2.3)); an address alone is a range of one.
///
/// A range of IPv4 addresses mapped into IPv6 is the range of the IPv4 addresses.
///
/// ```
/// use tower_keep_core::extract::Cidr;
///
/// let proxies: Cidr = "10.1.0.0/16".parse()?;
/// assert!(proxies.contains("10.1.2.3".parse()?));
/// assert!(proxies.contains("::ffff:10.1.2.3".parse()?));
/// assert!(!proxies.contains("10.2.0.1".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// The range of the addresses that share the first `prefix` bits of `network`.
    ///
    /// # Errors
    ///
    /// If there are not that many bits, or others than these are set, which is a slip more often than not.
    pub fn new(network: IpAddr, prefix: u8) -> Result<Self, InvalidCidr> {
        let (network, prefix) = match (network.to_canonical(), network) {
            (mapped @ IpAddr::V4(_), IpAddr::V6(_)) if prefix >= 96 => (mapped, prefix - 96),
            _ => (network, prefix),
        };
        if prefix > bits(network) {
            return Err(InvalidCidr(Invalid::Prefix));
        }
        let first = truncate(network, prefix);
        if first != network {
            return Err(InvalidCidr(Invalid::HostBits(Self {
                network: first,
                prefix,
            })));
        }
        Ok(Self { network, prefix })
    }

    /// Whether the address is in the range, in its IPv4 form if it has one.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        // Truncating to the prefix of the other family would be without meaning.
        address.is_ipv4() == self.network.is_ipv4()
            && truncate(address, self.prefix) == self.network
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn truncate(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = !u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => first_bits(address, prefix).into(),
    }
}

/// The address with all bits behind the first `prefix` set to zero.
pub(super) fn first_bits(address: Ipv6Addr, prefix: u8) -> Ipv6Addr {
    let mask = !u128::MAX.checked_shr(prefix.into()).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & mask)
}

impl From<IpAddr> for Cidr {
    fn from(address: IpAddr) -> Self {
        let network = address.to_canonical();
        Self {
            network,
            prefix: bits(network),
        }
    }
}

impl FromStr for Cidr {
    type Err = InvalidCidr;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = |text: &str| text.parse().map_err(|_| InvalidCidr(Invalid::Address));
        match text.split_once('/') {
            None => address(text).map(IpAddr::into),
            Some((network, prefix)) => {
                // `parse` alone would take "+8".
                let digits = prefix.bytes().all(|byte| byte.is_ascii_digit());
                match prefix.parse() {
                    Ok(prefix) if digits => Self::new(address(network)?, prefix),
                    _ => Err(InvalidCidr(Invalid::Prefix)),
                }
            }
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

/// Why something is not a [`Cidr`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvalidCidr(Invalid);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Invalid {
    Address,
    Prefix,
    HostBits(Cidr),
}

impl fmt::Display for InvalidCidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Invalid::Address => f.write_str("a range begins with an IPv4 or IPv6 address"),
            Invalid::Prefix => {
                f.write_str("a range ends with `/` and 0 to 32 bits for IPv4, 0 to 128 for IPv6")
            }
            Invalid::HostBits(range) => write!(
                f,
                "the address has bits set beyond its prefix, the range would be {range}"
            ),
        }
    }
}

impl Error for InvalidCidr {}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(range: &str, address: &str) -> bool {
        range
            .parse::<Cidr>()
            .unwrap()
            .contains(address.parse().unwrap())
    }

    #[test]
    fn a_range_contains_what_shares_its_prefix() {
        assert!(contains("10.0.0.0/8", "10.255.255.255"));
        assert!(!contains("10.0.0.0/8", "11.0.0.0"));
        assert!(contains("192.0.2.128/25", "192.0.2.129"));
        assert!(!contains("192.0.2.128/25", "192.0.2.127"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!contains("2001:db8::/32", "2001:db9::"));
        assert!(contains("192.0.2.1", "192.0.2.1"));
        assert!(!contains("192.0.2.1", "192.0.2.2"));
    }

    #[test]
    fn a_prefix_of_no_bits_contains_its_whole_family_and_no_other() {
        assert!(contains("0.0.0.0/0", "203.0.113.9"));
        assert!(contains("::/0", "2001:db8::1"));
        assert!(!contains("::/0", "203.0.113.9"));
        assert!(!contains("0.0.0.0/0", "::1"));
    }

    #[test]
    fn mapped_ipv4_is_ipv4_on_both_sides() {
        assert!(contains("::ffff:10.0.0.0/104", "10.1.2.3"));
        assert!(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(!contains("::/0", "::ffff:10.1.2.3"));
    }

    #[test]
    fn what_is_no_range_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "begins with"),
            ("example.org/8", "begins with"),
            ("10.0.0.0/", "ends with"),
            ("10.0.0.0/33", "ends with"),
            ("10.0.0.0/+8", "ends with"),
            ("::/129", "ends with"),
            ("::/256", "ends with"),
            ("10.1.2.3/8", "the range would be 10.0.0.0/8"),
            ("2001:db8::1/64", "the range would be 2001:db8::/64"),
        ] {
            let error = text.parse::<Cidr>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }
}
