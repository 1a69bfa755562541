//! `NO_PROXY`: what is reached without a proxy.

use std::net::IpAddr;

use crate::resolve::without_brackets;

/// The hosts that are reached directly.
///
/// The list is separated by commas. `*` is every host, `10.0.0.0/8` a network, `10.1.2.3` an address, `example.com` a domain
/// with what is below it, `.example.com` and `*.example.com` only what is below it. A port limits an address or a domain to
/// it. `localhost` and loopback addresses always belong to it. Names are compared as they are written: nothing is resolved.
#[derive(Debug, Default)]
pub(super) struct Bypass {
    rules: Vec<Rule>,
}

#[derive(Debug)]
enum Rule {
    Everything,
    Network { address: IpAddr, prefix: u32 },
    Address { address: IpAddr, port: Option<u16> },
    Domain { suffix: String, with_itself: bool, port: Option<u16> },
}

impl Bypass {
    pub(super) fn parse(list: &str) -> Self {
        Self { rules: list.split(',').filter_map(|entry| Rule::parse(entry.trim())).collect() }
    }

    pub(super) fn covers(&self, host: &str, port: u16) -> bool {
        let host = without_brackets(host).to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        host == "localhost"
            || address.is_some_and(|address| address.is_loopback())
            || self.rules.iter().any(|rule| rule.covers(&host, address, port))
    }
}

impl Rule {
    /// `None` for what says nothing.
    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::Everything);
        }
        if let Some(network) = network(entry) {
            return Some(network);
        }
        let (host, port) = split_port(entry)?;
        let host = host.to_ascii_lowercase();
        if let Ok(address) = without_brackets(&host).parse::<IpAddr>() {
            return Some(Self::Address { address: address.to_canonical(), port });
        }
        let below = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(&host);
        let with_itself = !below.starts_with('.');
        let name = below.trim_start_matches('.');
        let suffix = format!(".{name}");
        (!name.is_empty()).then_some(Self::Domain { suffix, with_itself, port })
    }

    fn covers(&self, host: &str, address: Option<IpAddr>, at: u16) -> bool {
        match self {
            Self::Everything => true,
            Self::Network { address: network, prefix } => {
                address.is_some_and(|address| is_within(address, *network, *prefix))
            }
            Self::Address { address: one, port } => {
                address == Some(*one) && port.is_none_or(|port| port == at)
            }
            Self::Domain { suffix, with_itself, port } => {
                let is_itself = *with_itself && suffix.strip_prefix('.') == Some(host);
                (is_itself || host.ends_with(suffix)) && port.is_none_or(|port| port == at)
            }
        }
    }
}

fn network(entry: &str) -> Option<Rule> {
    let (address, prefix) = entry.split_once('/')?;
    let (address, prefix) = (address.parse::<IpAddr>().ok()?, prefix.parse().ok()?);
    let longest = if address.is_ipv4() { 32 } else { 128 };
    (prefix <= longest).then_some(Rule::Network { address, prefix })
}

/// Host and port, if there is one. `None` for a port that is no number: no connection goes to it.
fn split_port(entry: &str) -> Option<(&str, Option<u16>)> {
    let is_address = entry.parse::<IpAddr>().is_ok();
    match entry.rsplit_once(':').filter(|(_, port)| !is_address && !port.ends_with(']')) {
        None => Some((entry, None)),
        Some((host, "")) => Some((host, None)),
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
    }
}

/// Whether the first `prefix` bits of both are the same.
fn is_within(address: IpAddr, network: IpAddr, prefix: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let differing = u32::from(address) ^ u32::from(network);
            differing.checked_shr(32 - prefix).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let differing = u128::from(address) ^ u128::from(network);
            differing.checked_shr(128 - prefix).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(list: &str, direct: &[(&str, u16)], proxied: &[(&str, u16)]) {
        let bypass = Bypass::parse(list);
        for (host, port) in direct {
            assert!(bypass.covers(host, *port), "{list:?}: {host}:{port}");
        }
        for (host, port) in proxied {
            assert!(!bypass.covers(host, *port), "{list:?}: {host}:{port}");
        }
    }

    #[test]
    fn this_host_is_always_reached_directly() {
        let here = [("localhost", 1), ("LOCALHOST", 1), ("127.9.9.9", 1), ("[::1]", 1), ("::1", 1)];
        check("", &here, &[("localhost.example", 1), ("10.0.0.1", 1), ("h", 1)]);
    }

    #[test]
    fn a_star_is_everything() {
        check(" a , * ", &[("h", 1), ("10.0.0.1", 1), ("2001:db8::1", 1)], &[]);
        check("a*", &[], &[("h", 1), ("ab", 1)]);
    }

    #[test]
    fn a_domain_has_what_is_below_it_and_a_leading_dot_leaves_itself_out() {
        let below = ("a.b.example.com", 443);
        let others = [("myexample.com", 443), ("example.org", 443), ("com", 443)];
        check("Example.com", &[("example.com", 443), ("EXAMPLE.COM", 443), below], &others);
        for list in [".example.com", "*.example.com"] {
            check(list, &[below], &[("example.com", 443), ("myexample.com", 443)]);
        }
    }

    #[test]
    fn a_port_limits_an_entry() {
        check("h:80", &[("h", 80), ("a.h", 80)], &[("h", 81)]);
        check("192.0.2.1:80,[2001:db8::1]:80", &[("192.0.2.1", 80)], &[("192.0.2.1", 81)]);
        check("[2001:db8::1]:80", &[("[2001:db8::1]", 80)], &[("[2001:db8::1]", 81)]);
        check("h:http", &[], &[("h", 80)]);
    }

    #[test]
    fn addresses_and_networks_are_compared_as_such() {
        check("192.0.2.1", &[("192.0.2.1", 1), ("::ffff:192.0.2.1", 1)], &[("192.0.2.2", 1)]);
        check("2001:DB8::1,[2001:db8::2]", &[("2001:db8:0::1", 1), ("[2001:db8::2]", 1)], &[]);
        let proxied = [("11.0.0.1", 1), ("ten.example", 1), ("2001:db8::1", 1)];
        check("10.0.0.0/8", &[("10.0.0.1", 1), ("10.255.0.1", 1)], &proxied);
        check("10.1.2.3/32", &[("10.1.2.3", 1)], &[("10.1.2.4", 1)]);
        check("0.0.0.0/0", &[("192.0.2.1", 1)], &[("2001:db8::1", 1)]);
        check("2001:db8::/32", &[("2001:db8:1::1", 1)], &[("2001:db9::1", 1), ("10.0.0.1", 1)]);
        check("::/0", &[("2001:db9::1", 1)], &[("10.0.0.1", 1)]);
        check("10.0.0.0/33", &[], &[("10.0.0.1", 1)]);
    }

    #[test]
    fn entries_that_say_nothing_are_passed_over() {
        check(",, ,:80,.,*.,/8", &[], &[("h", 80), ("10.0.0.1", 80)]);
    }
}
