//! Which addresses may be connected to: an address of the configuration must not lead into the network that the daemon stands in,
//! whoever answers for its name.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Is it anywhere on the public internet? The ranges of RFC 6890 that are not are left out.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match (a, b, c) {
        (0 | 10 | 127, ..) => true,
        (100, 64..=127, _) => true, // carriers' own networks
        (169, 254, _) => true,      // of this link; where clouds keep their secrets
        (172, 16..=31, _) => true,
        (192, 0, 0 | 2) | (192, 168, _) => true,
        (192, 88, 99) => true,
        (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => true,
        (224.., ..) => true, // multicast, reserved, broadcast
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    match (a, b) {
        // NAT64 and 6to4 carry an IPv4 address within.
        (0x0064, 0xff9b) => {
            let [.., high, low] = address.segments();
            is_public_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
        }
        (0x2002, high) => is_public_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(address.segments()[2]))),
        (0x2001, 0..=0x01ff | 0x0db8) => false, // Teredo and the like, documentation
        (0x2000..=0x3fff, _) => true,
        _ => false, // loopback, link, unique local, multicast and what nobody has been given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_on_the_internet_is_known() {
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "203.0.113.7",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::1",
            "2001:db8::1",
            "2001::1",
            "::127.0.0.1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "8.8.8.8",
            "93.184.216.34",
            "172.32.0.1",
            "100.128.0.1",
            "192.167.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "2a00:1450:4010:c0f::5e",
            "2001:4860:4860::8888",
            "64:ff9b::808:808",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }
}
