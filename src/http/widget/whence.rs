//! From which address somebody asks. Behind a proxy it stands in `X-Forwarded-For`, where anybody may write what they like: only the
//! word of a proxy that the configuration names is taken, and of its list the last address that is no such proxy.

use crate::config::Net;
use axum::http::HeaderMap;
use std::net::IpAddr;

/// How many addresses of a list are looked at, from its end.
const MOST_HOPS: usize = 16;

/// The address of who asks, where this peer is connected.
pub fn address(peer: IpAddr, headers: &HeaderMap, proxies: &[Net]) -> IpAddr {
    let is_proxy = |address: IpAddr| proxies.iter().any(|net| net.has(address));
    if !is_proxy(peer) {
        return peer.to_canonical();
    }
    let lines = headers.get_all("x-forwarded-for").iter().rev().filter_map(|line| line.to_str().ok());
    let hops = lines.flat_map(|line| line.rsplit(',')).take(MOST_HOPS);
    let mut nearest = peer;
    for hop in hops {
        let Ok(address) = hop.trim().trim_matches(['[', ']']).parse::<IpAddr>() else { break };
        nearest = address;
        if !is_proxy(address) {
            break;
        }
    }
    nearest.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_a_proxy_that_is_named_is_believed() {
        let proxies = [Net::parse("10.0.0.0/8").unwrap()];
        let from = |peer: &str, lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", HeaderValue::from_static(line));
            }
            address(peer.parse().unwrap(), &headers, &proxies).to_string()
        };
        assert_eq!(from("203.0.113.7", &["198.51.100.1"]), "203.0.113.7", "anybody may write that");
        assert_eq!(from("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            from("10.0.0.1", &["192.0.2.1, 198.51.100.1, 10.0.0.2"]),
            "198.51.100.1",
            "the last that is no proxy"
        );
        assert_eq!(from("10.0.0.1", &["192.0.2.1", "198.51.100.1"]), "198.51.100.1", "lines are one list");
        assert_eq!(
            from("10.0.0.1", &["198.51.100.1, nonsense"]),
            "10.0.0.1",
            "what stands before nonsense is nonsense"
        );
        assert_eq!(from("10.0.0.1", &["2001:db8::1"]), "2001:db8::1");
        assert_eq!(from("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(from("::ffff:203.0.113.7", &[]), "203.0.113.7");
    }
}
