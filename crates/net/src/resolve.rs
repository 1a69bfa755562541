//! From names to addresses.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;

use tokio::net::lookup_host;

/// The addresses of a host, some time later.
pub type Addresses<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Knows the addresses of hosts. It is asked for every new connection and must not remember what it said.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// The addresses of a host in the order in which to try them.
    ///
    /// # Errors
    ///
    /// The name has no address.
    fn addresses<'a>(&'a self, host: &'a str, port: u16) -> Addresses<'a>;
}

/// The system's resolver: `/etc/hosts`, DNS, whatever it is set to.
#[derive(Clone, Copy, Debug)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn addresses<'a>(&'a self, host: &'a str, port: u16) -> Addresses<'a> {
        Box::pin(addresses(host, port))
    }
}

/// A host as it stands in a URL as a name or an address: IPv6 without its brackets.
pub fn without_brackets(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

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
