//! The one way out: connections to a peer, through a proxy where one is wanted, with TLS where the address asks for it.

#[cfg_attr(not(unix), path = "dialer/no_local.rs")]
mod local;
mod tcp;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Uri};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

use self::tcp::connect_first;
use crate::proxy::{self, Proxies, Proxy};
use crate::resolve::{Resolve, SystemResolver, without_brackets};
use crate::stream::{Duplex, Stream};
use crate::tls::ClientTls;

/// How long a connection may take, with its handshakes and the looking up of names.
const CONNECT: Duration = Duration::from_secs(10);

/// Connects to the host of a URI. `https` means TLS; the HTTP and the gRPC client use the same one.
///
/// Names are resolved anew for every connection, so a peer that moves is found again as soon as the old connection fails.
/// Proxies are those of the process's environment unless others are given.
#[derive(Clone, Debug)]
pub struct Dialer {
    tls: ClientTls,
    proxies: Proxies,
    resolver: Arc<dyn Resolve>,
    read_buffer: usize,
}

/// Somebody to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A host, and its port.
    Host {
        /// A name or an address, without brackets.
        name: String,
        /// The port.
        port: u16,
    },
    /// A socket in the file system.
    Socket(PathBuf),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { name, port } if name.contains(':') => write!(f, "[{name}]:{port}"),
            Self::Host { name, port } => write!(f, "{name}:{port}"),
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// How a peer is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// At one of these addresses.
    Direct(Vec<SocketAddr>),
    /// Through a proxy, which looks the name up.
    Proxy { proxy: Arc<Proxy>, host: String, port: u16 },
    /// Through the file system.
    Socket(PathBuf),
}

impl Dialer {
    /// A dialer with these TLS settings.
    pub fn new(tls: ClientTls) -> Self {
        let (proxies, resolver) = (Proxies::of_process(), Arc::new(SystemResolver));
        Self { tls, proxies, resolver, read_buffer: 0 }
    }

    /// Uses these proxies.
    #[must_use]
    pub fn with_proxies(self, proxies: Proxies) -> Self {
        Self { proxies, ..self }
    }

    /// Looks names up there.
    #[must_use]
    pub fn with_resolver(self, resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, ..self }
    }

    /// Reads so many bytes of a connection at once. Zero leaves it to whoever reads.
    #[must_use]
    pub fn with_read_buffer(self, bytes: usize) -> Self {
        Self { read_buffer: bytes, ..self }
    }

    /// What a request for a plain `http` URI has to tell the proxy that it goes through.
    pub(crate) fn proxy_authorization(&self, uri: &Uri) -> Option<HeaderValue> {
        if is_secure(uri) {
            return None; // The proxy was told when the tunnel was opened, and sees nothing of the request.
        }
        let proxy = self.proxies.for_http(uri.host()?, uri.port_u16().unwrap_or(80)).ok()??;
        proxy.authorization.clone()
    }

    /// Connects for HTTP.
    async fn connect(self, uri: Uri) -> io::Result<Stream> {
        let (host, port) = host_and_port(&uri)?;
        if is_secure(&uri) {
            let way = match self.proxies.for_https(&host, port)? {
                Some(proxy) => Way::Proxy { proxy, host: host.clone(), port },
                None => Way::Direct(self.resolver.addresses(&host, port).await?),
            };
            let io = self.follow(&way).await?;
            return self.secure(io, &host).await;
        }
        match self.proxies.for_http(&host, port)? {
            Some(proxy) => Ok(Stream::to_proxy(self.reach(&proxy).await?)),
            None => {
                let addresses = self.resolver.addresses(&host, port).await?;
                Ok(Stream::plain(Box::new(connect_first(&addresses).await?)))
            }
        }
    }

    /// The way to a peer for gRPC, where the environment's proxy for `https` is used with and without TLS.
    ///
    /// # Errors
    ///
    /// There is none, or none was found in time.
    pub(crate) async fn way(&self, peer: &Peer) -> io::Result<Way> {
        let (name, port) = match peer {
            Peer::Socket(path) => return Ok(Way::Socket(path.clone())),
            Peer::Host { name, port } => (name, *port),
        };
        if let Some(proxy) = self.proxies.for_https(name, port)? {
            return Ok(Way::Proxy { proxy, host: name.clone(), port });
        }
        let addresses = timeout(CONNECT, self.resolver.addresses(name, port)).await;
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the name was not found in time");
        addresses.map_err(|_| late())?.map(Way::Direct)
    }

    /// Connects for gRPC, with TLS if there is a name to verify.
    ///
    /// # Errors
    ///
    /// There was no connection, or none in time.
    pub(crate) async fn open(&self, way: &Way, secured_for: Option<&str>) -> io::Result<Stream> {
        let opened = in_time(async {
            let io = self.follow(way).await?;
            match secured_for {
                Some(host) => self.secure(io, host).await,
                None => Ok(Stream::plain(io)),
            }
        });
        Ok(opened.await?.with_read_buffer(self.read_buffer))
    }

    /// A connection to the peer itself.
    async fn follow(&self, way: &Way) -> io::Result<Box<dyn Duplex>> {
        match way {
            Way::Direct(addresses) => Ok(Box::new(connect_first(addresses).await?)),
            Way::Socket(path) => local::connect(path).await,
            Way::Proxy { proxy, host, port } => {
                let mut io = self.reach(proxy).await?;
                let opened = proxy::open(&mut io, (host, *port), proxy.authorization.as_ref());
                opened.await.map_err(|error| proxy.blame(error)).map(|()| io)
            }
        }
    }

    /// A connection to a proxy.
    async fn reach(&self, proxy: &Proxy) -> io::Result<Box<dyn Duplex>> {
        let reached = async {
            let addresses = self.resolver.addresses(&proxy.host, proxy.port).await?;
            let io: Box<dyn Duplex> = Box::new(connect_first(&addresses).await?);
            if !proxy.is_secure {
                return Ok(io);
            }
            let config = self.tls.config_for_proxies().map_err(io::Error::other)?;
            let io: Box<dyn Duplex> =
                Box::new(handshake(config, server_name(&proxy.host)?, io).await?);
            Ok(io)
        };
        reached.await.map_err(|error| proxy.blame(error))
    }

    async fn secure(&self, io: Box<dyn Duplex>, host: &str) -> io::Result<Stream> {
        let name = match self.tls.server_name() {
            Some(name) => name,
            None => server_name(host)?,
        };
        let config = self.tls.config().map_err(io::Error::other)?;
        Ok(Stream::tls(handshake(config, name, io).await?))
    }
}

async fn handshake(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    io: Box<dyn Duplex>,
) -> io::Result<TlsStream<Box<dyn Duplex>>> {
    TlsConnector::from(config).connect(name, io).await
}

fn server_name(host: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).map_err(|error| invalid(&error.to_string()))
}

fn is_secure(uri: &Uri) -> bool {
    uri.scheme_str() == Some("https")
}

fn host_and_port(uri: &Uri) -> io::Result<(String, u16)> {
    let host = uri.host().ok_or_else(|| invalid("the address names no host"))?;
    let port = uri.port_u16().unwrap_or(if is_secure(uri) { 443 } else { 80 });
    Ok((without_brackets(host).to_owned(), port))
}

async fn in_time(connecting: impl Future<Output = io::Result<Stream>>) -> io::Result<Stream> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "no connection in time");
    timeout(CONNECT, connecting).await.unwrap_or_else(|_| Err(late()))
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message.to_owned())
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialer = self.clone();
        Box::pin(async move {
            let buffer = dialer.read_buffer;
            let stream = in_time(dialer.connect(uri)).await?;
            Ok(TokioIo::new(stream.with_read_buffer(buffer)))
        })
    }
}
