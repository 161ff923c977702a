//! Ranges of addresses: `10.0.0.0/8`, `fd00::/8`, or one address.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    address: IpAddr,
    /// Bits from the left that must be the same.
    prefix: u8,
}

impl Net {
    /// This machine: 127.0.0.0/8 and ::1.
    pub const LOOPBACK: [Net; 2] = [
        Net { address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), prefix: 8 },
        Net { address: IpAddr::V6(Ipv6Addr::LOCALHOST), prefix: 128 },
    ];

    /// Reads `ADDRESS` or `ADDRESS/BITS`.
    pub fn parse(text: &str) -> Option<Net> {
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(most), |prefix| prefix.parse().ok()).filter(|prefix| *prefix <= most)?;
        Some(Net { address, prefix })
    }

    /// Is this address in it? An IPv4 address that came over an IPv6 socket is the IPv4 address.
    pub fn has(&self, address: IpAddr) -> bool {
        let (bits, other, width) = match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(address)) => (u128::from(net.to_bits()), u128::from(address.to_bits()), 32),
            (IpAddr::V6(net), IpAddr::V6(address)) => (net.to_bits(), address.to_bits(), 128),
            _ => return false,
        };
        let free = u32::from(width - self.prefix.min(width));
        (bits ^ other).checked_shr(free).unwrap_or(0) == 0
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_its_ranges_and_in_no_others() {
        let has = |net: &str, address: &str| Net::parse(net).unwrap().has(address.parse().unwrap());
        for (net, address) in [
            ("10.0.0.0/8", "10.255.1.2"),
            ("10.1.2.3", "10.1.2.3"),
            ("0.0.0.0/0", "203.0.113.7"),
            ("10.0.0.0/8", "::ffff:10.0.0.9"),
            ("fd00::/8", "fd12::1"),
            ("::/0", "2001:db8::1"),
            ("192.0.2.128/25", "192.0.2.255"),
        ] {
            assert!(has(net, address), "{address} in {net}");
        }
        for (net, address) in [
            ("10.0.0.0/8", "11.0.0.1"),
            ("10.1.2.3", "10.1.2.4"),
            ("0.0.0.0/0", "::1"),
            ("::1", "::2"),
            ("192.0.2.128/25", "192.0.2.127"),
        ] {
            assert!(!has(net, address), "{address} in {net}");
        }
        for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "host", "10.0.0.0/-1", "10.0.0.0/"] {
            assert_eq!(Net::parse(wrong), None, "{wrong}");
        }
        assert!(Net::LOOPBACK.iter().any(|net| net.has("127.9.0.1".parse().unwrap())));
    }
}
