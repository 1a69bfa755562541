//! From names to addresses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::lookup_host;

/// The addresses of a host, IPv4 first. `localhost` is loopback whatever the host's resolver thinks (RFC 6761, section 6.3):
/// minimal systems have no `/etc/hosts`.
///
/// # Errors
///
/// The name has no address.
pub(crate) async fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if host.trim_end_matches('.').eq_ignore_ascii_case("localhost") {
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        return Ok(loopback.into_iter().map(|address| (address, port).into()).collect());
    }
    let mut addresses: Vec<_> = lookup_host((host, port)).await?.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    match addresses.is_empty() {
        true => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address")),
        false => Ok(addresses),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn localhost_is_loopback_and_addresses_are_themselves() {
        let expected: Vec<SocketAddr> =
            vec!["127.0.0.1:1".parse().unwrap(), "[::1]:1".parse().unwrap()];
        for name in ["localhost", "LOCALHOST", "localhost."] {
            assert_eq!(addresses(name, 1).await.unwrap(), expected);
        }
        assert_eq!(addresses("192.0.2.1", 2).await.unwrap(), ["192.0.2.1:2".parse().unwrap()]);
        assert_eq!(addresses("::1", 2).await.unwrap(), ["[::1]:2".parse().unwrap()]);
    }
}
