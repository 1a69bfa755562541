//! Listening sockets that belong to the process.

#[cfg_attr(unix, path = "listeners/local.rs")]
#[cfg_attr(not(unix), path = "listeners/no_local.rs")]
mod local;

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use self::local::LocalListener;
use crate::resolve;
use crate::settings::Transport;
use crate::stream::Duplex;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// The process's listening sockets.
///
/// Whoever acquires an address that is held already gets the same socket, and both accept from it side by side. So a new
/// instance of a receiver takes over from the old one without a moment in which connections are refused.
#[derive(Debug, Default)]
pub struct Listeners {
    held: Mutex<HashMap<SocketAddr, Weak<TcpListener>>>,
    local: Mutex<HashMap<PathBuf, Weak<LocalListener>>>,
}

/// A share in a listening socket. The socket is closed with the last one.
#[derive(Clone, Debug)]
pub struct Listener {
    socket: ListeningSocket,
}

#[derive(Clone, Debug)]
enum ListeningSocket {
    Tcp(Arc<TcpListener>),
    Local(Arc<LocalListener>),
}

/// An IP version that an endpoint is limited to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Any,
    V4,
    V6,
}

impl Version {
    fn allows(self, address: &SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// Why nobody can listen at an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The host part has no address.
    #[error("cannot resolve endpoint {endpoint}")]
    Resolve {
        /// As it was written.
        endpoint: String,
        /// Why.
        source: io::Error,
    },
    /// Another process listens there.
    #[error("endpoint {endpoint} is in use: another process listens there")]
    InUse {
        /// As it was written.
        endpoint: String,
        /// Why.
        source: io::Error,
    },
    /// This process listens there, with an address that is not quite the same: all of the machine's, or one of them.
    #[error("endpoint {endpoint} is in use: this agent itself listens at {held}")]
    Overlaps {
        /// As it was written.
        endpoint: String,
        /// What is held.
        held: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Anything else: not permitted, not an address of this host.
    #[error("cannot listen at endpoint {endpoint}")]
    Bind {
        /// As it was written.
        endpoint: String,
        /// Why.
        source: io::Error,
    },
}

impl Listeners {
    /// Listens at `host:port`, or shares the socket of whoever in this process does already.
    ///
    /// As in Go, a name means its first address that this host has, IPv4 before IPv6; an empty host, `0.0.0.0` and `[::]`
    /// all mean every address, IPv4 and IPv6. An address that is taken is an error and never passed over, or clients
    /// would reach somebody else.
    ///
    /// # Errors
    ///
    /// See [`ListenError`].
    pub async fn acquire(&self, endpoint: &str) -> Result<Listener, ListenError> {
        self.acquire_tcp(endpoint, Version::Any).await
    }

    /// The same for any transport. The endpoint of a unix socket is its path: a socket that an ended process has left there is
    /// replaced, and it is removed with its last holder.
    ///
    /// # Errors
    ///
    /// See [`ListenError`].
    pub async fn acquire_by(
        &self,
        transport: Transport,
        endpoint: &str,
    ) -> Result<Listener, ListenError> {
        match transport {
            Transport::Tcp => self.acquire_tcp(endpoint, Version::Any).await,
            Transport::Tcp4 => self.acquire_tcp(endpoint, Version::V4).await,
            Transport::Tcp6 => self.acquire_tcp(endpoint, Version::V6).await,
            Transport::Unix => self.acquire_local(endpoint),
        }
    }

    fn acquire_local(&self, endpoint: &str) -> Result<Listener, ListenError> {
        let path = Path::new(endpoint);
        let mut held = self.local.lock();
        if let Some(socket) = held.get(path).and_then(Weak::upgrade) {
            return Ok(Listener { socket: ListeningSocket::Local(socket) });
        }
        let endpoint = || endpoint.to_owned();
        let socket = LocalListener::bind(path).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse { endpoint: endpoint(), source },
            _ => ListenError::Bind { endpoint: endpoint(), source },
        })?;
        let socket = Arc::new(socket);
        held.retain(|_, socket| socket.strong_count() > 0);
        held.insert(path.to_owned(), Arc::downgrade(&socket));
        Ok(Listener { socket: ListeningSocket::Local(socket) })
    }

    async fn acquire_tcp(&self, endpoint: &str, version: Version) -> Result<Listener, ListenError> {
        let addresses = match candidates(endpoint, version).await {
            Ok(addresses) => addresses,
            Err(source) => {
                return Err(ListenError::Resolve { endpoint: endpoint.to_owned(), source });
            }
        };
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in addresses {
            match self.listen(address, version) {
                Ok(listener) => return Ok(listener),
                Err(error) if is_final(&error) => {
                    return Err(self.refusal(endpoint, address, error));
                }
                Err(error) => last = error,
            }
        }
        Err(ListenError::Bind { endpoint: endpoint.to_owned(), source: last })
    }

    fn listen(&self, address: SocketAddr, version: Version) -> io::Result<Listener> {
        let mut held = self.held.lock();
        if let Some(socket) = held.get(&address).and_then(Weak::upgrade) {
            return Ok(Listener { socket: ListeningSocket::Tcp(socket) });
        }
        let socket = Arc::new(bind(address, version)?);
        held.retain(|_, socket| socket.strong_count() > 0);
        held.insert(socket.local_addr()?, Arc::downgrade(&socket));
        Ok(Listener { socket: ListeningSocket::Tcp(socket) })
    }

    fn refusal(&self, endpoint: &str, address: SocketAddr, source: io::Error) -> ListenError {
        let endpoint = endpoint.to_owned();
        if source.kind() != io::ErrorKind::AddrInUse {
            return ListenError::Bind { endpoint, source };
        }
        let held = self.held.lock();
        let own = held.iter().find(|(own, socket)| {
            let reaches = own.ip().is_unspecified() || address.ip().is_unspecified();
            own.port() == address.port() && reaches && socket.strong_count() > 0
        });
        match own {
            Some((held, _)) => ListenError::Overlaps { endpoint, held: *held, source },
            None => ListenError::InUse { endpoint, source },
        }
    }
}

/// The addresses that an endpoint may mean, best first.
async fn candidates(endpoint: &str, version: Version) -> io::Result<Vec<SocketAddr>> {
    let (host, port) = split(endpoint)?;
    let mut addresses = resolve::addresses(host, port).await?;
    if let Some(every) = addresses.iter().find(|address| address.ip().is_unspecified()) {
        // The second is for hosts without IPv6.
        let port = every.port();
        addresses =
            vec![(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()];
    }
    addresses.retain(|address| version.allows(address));
    Ok(addresses)
}

/// Host and port. An empty host means every address of the machine, as in Go.
fn split(endpoint: &str) -> io::Result<(&str, u16)> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "it is not host:port");
    let (host, port) = endpoint.rsplit_once(':').ok_or_else(invalid)?;
    let port = port.parse().map_err(|_| invalid())?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Ok((if host.is_empty() { "::" } else { host }, port))
}

/// Whether it makes no sense to try the endpoint's next address.
fn is_final(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}

fn bind(address: SocketAddr, version: Version) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if cfg!(unix) {
        // Old connections may linger at the address. On Windows they need not be told of, and the option would let
        // another process listen there as well.
        socket.set_reuse_address(true)?;
    }
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(version == Version::V6)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// A connection, without TLS so far.
pub(crate) enum Accepted {
    Tcp(TcpStream),
    Local(Box<dyn Duplex>),
}

impl Accepted {
    /// The connection, whatever it is.
    pub(crate) fn into_duplex(self) -> Box<dyn Duplex> {
        match self {
            Self::Tcp(stream) => {
                // A connection that is broken already says so when it is read.
                stream.set_nodelay(true).ok();
                Box::new(stream)
            }
            Self::Local(stream) => stream,
        }
    }
}

impl Listener {
    /// The next connection.
    ///
    /// # Errors
    ///
    /// The connection was gone before it was accepted, or the process has no more file descriptors. The listener is sound.
    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        match &self.socket {
            ListeningSocket::Tcp(socket) => Ok(Accepted::Tcp(socket.accept().await?.0)),
            ListeningSocket::Local(socket) => Ok(Accepted::Local(socket.accept().await?)),
        }
    }

    /// Where it listens, unless that is in the file system.
    ///
    /// # Errors
    ///
    /// The operating system does not say, or it is in the file system.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        match &self.socket {
            ListeningSocket::Tcp(socket) => socket.local_addr(),
            ListeningSocket::Local(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_is_held_is_shared_and_freed_with_its_last_holder() {
        let listeners = Listeners::default();
        let first = listeners.acquire("127.0.0.1:0").await.unwrap();
        let address = first.local_address().unwrap();
        let second = listeners.acquire(&address.to_string()).await.unwrap();
        drop(first);
        TcpStream::connect(address).await.unwrap();
        second.accept().await.unwrap();
        drop(second);
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn an_address_that_another_process_holds_is_refused_by_name() {
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = other.local_addr().unwrap().port();
        // Not even where the name has another address that is free.
        for host in ["127.0.0.1", "localhost", "0.0.0.0", ""] {
            let endpoint = format!("{host}:{port}");
            let error = Listeners::default().acquire(&endpoint).await.unwrap_err();
            assert!(matches!(error, ListenError::InUse { .. }), "{error:?}");
            assert!(error.to_string().contains(&endpoint), "{error}");
        }
    }

    #[tokio::test]
    async fn an_overlap_with_an_own_address_is_named() {
        let listeners = Listeners::default();
        let one = listeners.acquire("127.0.0.1:0").await.unwrap();
        let address = one.local_address().unwrap();
        let error = listeners.acquire(&format!("0.0.0.0:{}", address.port())).await.unwrap_err();
        assert!(
            matches!(error, ListenError::Overlaps { held, .. } if held == address),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn every_address_means_every_address() {
        for host in ["", "0.0.0.0"] {
            let listeners = Listeners::default();
            let listener = listeners.acquire(&format!("{host}:0")).await.unwrap();
            let port = listener.local_address().unwrap().port();
            TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            listener.accept().await.unwrap();
            if listener.local_address().unwrap().is_ipv6() {
                TcpStream::connect(("::1", port)).await.unwrap();
                listener.accept().await.unwrap();
            }
            let again = listeners.acquire(&format!("{host}:{port}")).await.unwrap();
            assert_eq!(again.local_address().unwrap().port(), port);
        }
    }

    #[tokio::test]
    async fn a_name_without_an_address_and_a_port_that_is_none_are_refused() {
        for endpoint in ["no.such.host.invalid:4317", "127.0.0.1:port", "127.0.0.1"] {
            let error = Listeners::default().acquire(endpoint).await.unwrap_err();
            assert!(matches!(error, ListenError::Resolve { .. }), "{error:?}");
        }
    }
}
