//! Connections, whatever they consist of.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio_rustls::client::TlsStream;

/// Something that is read from and written to: a socket, or TLS over something else.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection that a [`Dialer`](crate::Dialer) has made.
pub struct Stream {
    io: Box<dyn Duplex>,
    is_http2: bool,
    is_to_proxy: bool,
}

impl Stream {
    /// A connection to the peer.
    pub(crate) fn plain(io: Box<dyn Duplex>) -> Self {
        Self { io, is_http2: false, is_to_proxy: false }
    }

    /// A connection to a proxy of plain HTTP, which wants to be told the whole URL.
    pub(crate) fn to_proxy(io: Box<dyn Duplex>) -> Self {
        Self { is_to_proxy: true, ..Self::plain(io) }
    }

    /// A connection whose TLS says what is spoken on it.
    pub(crate) fn tls(io: TlsStream<Box<dyn Duplex>>) -> Self {
        let is_http2 = io.get_ref().1.alpn_protocol() == Some(b"h2");
        Self { is_http2, ..Self::plain(Box::new(io)) }
    }

    /// The same connection, with so many bytes read at once. Zero leaves it as it is.
    pub(crate) fn with_read_buffer(self, bytes: usize) -> Self {
        match bytes {
            0 => self,
            bytes => Self { io: Box::new(BufReader::with_capacity(bytes, self.io)), ..self },
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("is_http2", &self.is_http2)
            .field("is_to_proxy", &self.is_to_proxy)
            .finish_non_exhaustive()
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new().proxy(self.is_to_proxy);
        if self.is_http2 { connected.negotiated_h2() } else { connected }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}
