//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::BufReader;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::pace::{Pace, Paced};
use super::{ServerOptions, Speaks, Streams};
use crate::stream::Duplex;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a connection without a request stays when the server stops. Its client may be about to send one.
const LINGER: Duration = Duration::from_millis(200);
/// How long a client of HTTP/2 may take to confirm that it has heard of the end, while it has no request open: one may be on its
/// way. Those that are there confirm it at once, and this is not waited for.
pub(super) const CONFIRMATION: Duration = Duration::from_secs(5);
/// How much a connection of HTTP/1.1 reads ahead of whoever consumes its bodies, at most. It bounds the head of a request as well.
const READ_BUFFER: usize = 64 << 10;
/// HTTP's library wants at least this much of a buffer, and the heads of requests are not much longer.
const LEAST_BUFFER: usize = 8 << 10;

/// Why a body ends before its time.
pub(super) type BodyError = Box<dyn std::error::Error + Send + Sync>;
/// A service, whatever its types.
pub(super) type Call = dyn Fn(Request<Incoming>) -> Answer + Send + Sync;
/// Its answer.
pub(super) type Answer =
    Pin<Box<dyn Future<Output = Response<UnsyncBoxBody<Bytes, BodyError>>> + Send>>;

/// How connections are served, by the protocol that their client speaks. It is known before the first byte, so that a
/// server that stops need not cut a connection because it doesn't know yet.
pub(super) struct Builders {
    http1: http1::Builder,
    http2: http2::Builder<Streams>,
    options: ServerOptions,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

impl Builders {
    pub(super) fn new(options: ServerOptions, streams: &Streams) -> Self {
        let mut http1 = http1::Builder::new();
        // How long headers may take is looked after here: the library counts from the end of the request before.
        http1.timer(TokioTimer::new()).header_read_timeout(None).keep_alive(options.keep_alive);
        let mut http2 = http2::Builder::new(streams.clone());
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(options.max_concurrent_streams)
            .keep_alive_interval(options.ping_after)
            .keep_alive_timeout(options.ping_timeout);
        if let Some(bytes) = options.write_buffer {
            http2.max_send_buf_size(bytes.max(LEAST_BUFFER));
        }
        Self { http1, http2, options }
    }

    /// How much the last of so many connections of HTTP/1.1 reads ahead.
    fn read_ahead(&self, connections: usize) -> usize {
        let ServerOptions { read_buffer, read_ahead, .. } = self.options;
        let wanted = read_buffer.unwrap_or(READ_BUFFER);
        let fair = read_ahead.map_or(wanted, |all| all / connections.max(1));
        wanted.min(fair).max(LEAST_BUFFER)
    }

    /// Without a word of TLS about it.
    fn default_protocol(&self) -> Protocol {
        match self.options.speaks {
            Speaks::Http => Protocol::Http1,
            Speaks::Grpc => Protocol::Http2,
        }
    }
}

/// One connection's share of the server.
pub(super) struct Connection {
    pub(super) builders: Arc<Builders>,
    pub(super) call: Arc<Call>,
    pub(super) stop: CancellationToken,
    /// How many connections the server has, this one included.
    pub(super) connections: usize,
}

impl Connection {
    /// Serves a connection, with TLS if there is some, until one side ends it.
    pub(super) async fn serve(self, tls: Option<TlsAcceptor>, stream: Box<dyn Duplex>) {
        let default = self.builders.default_protocol();
        let Some(tls) = tls else { return self.speak(default, stream).await };
        let stopped = async {
            self.stop.cancelled().await;
            sleep(LINGER).await;
        };
        let shaken = tokio::select! {
            shaken = timeout(HANDSHAKE, tls.accept(stream)) => shaken,
            () = stopped => return,
        };
        match shaken {
            Ok(Ok(stream)) => {
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let protocol = if is_http2 { Protocol::Http2 } else { default };
                self.speak(protocol, Box::new(stream)).await;
            }
            Ok(Err(error)) => debug!(%error, "TLS handshake failed"),
            Err(_) => debug!("TLS handshake took too long"),
        }
    }

    async fn speak(self, protocol: Protocol, stream: Box<dyn Duplex>) {
        let options = &self.builders.options;
        let stream = match options.read_buffer {
            Some(bytes) if protocol == Protocol::Http2 => {
                Box::new(BufReader::with_capacity(bytes, stream))
            }
            _ => stream,
        };
        let pace = Pace::new();
        // Not every byte of HTTP/2 announces a request.
        let told = Some(pace.clone()).filter(|_| protocol == Protocol::Http1);
        let stream = TokioIo::new(Paced::new(stream, told, options.write_timeout));
        let service = Counted {
            call: self.call,
            pace: pace.clone(),
            closes: protocol == Protocol::Http1,
            stop: self.stop.clone(),
        };
        let end = End { options, pace: &pace, stop: &self.stop };
        let served = match protocol {
            Protocol::Http1 => {
                let mut http1 = self.builders.http1.clone();
                http1.max_buf_size(self.builders.read_ahead(self.connections));
                let connection = pin!(http1.serve_connection(stream, service));
                end.of(connection, true, http1::Connection::graceful_shutdown).await
            }
            Protocol::Http2 => {
                let connection = pin!(self.builders.http2.serve_connection(stream, service));
                end.of(connection, false, http2::Connection::graceful_shutdown).await
            }
        };
        if let Err(error) = served {
            debug!(%error, "connection ended");
        }
    }
}

/// When and how a connection ends.
struct End<'a> {
    options: &'a ServerOptions,
    pace: &'a Pace,
    stop: &'a CancellationToken,
}

impl End<'_> {
    /// Serves a connection until its client ends it, it is out of time, or its last request before a stop is answered.
    async fn of<C: Future<Output = hyper::Result<()>>>(
        self,
        mut connection: Pin<&mut C>,
        is_http1: bool,
        shut_down: impl FnOnce(Pin<&mut C>),
    ) -> hyper::Result<()> {
        let stopped = async {
            self.stop.cancelled().await;
            // HTTP/2 can tell its client which request was the last. HTTP/1.1 tells it with an answer; without one it
            // would break the connection off, perhaps under a request that is on its way.
            if is_http1 {
                self.pace.begun(LINGER).await;
            }
        };
        let header = self.options.read_header_timeout.filter(|_| is_http1);
        let grace = tokio::select! {
            served = &mut connection => return served,
            () = stopped => None,
            () = self.pace.unfinished(header) => {
                debug!("the headers of a request took too long");
                return Ok(());
            }
            () = self.pace.idle(self.options.idle_timeout) => None,
            () = aged(self.options.max_age) => self.options.max_age_grace,
        };
        shut_down(connection.as_mut());
        let patience = if is_http1 { LINGER } else { CONFIRMATION };
        tokio::select! {
            served = connection => served,
            () = self.pace.quiet(patience) => Ok(()),
            () = after(grace) => Ok(()),
        }
    }
}

/// Ends when a connection is old enough. A tenth more or less keeps connections that began together from ending together.
async fn aged(limit: Option<Duration>) {
    let jitter = 0.9 + 0.2 * f64::from(fastrand::u16(..)) / f64::from(u16::MAX);
    after(limit.map(|limit| limit.mul_f64(jitter))).await;
}

async fn after(limit: Option<Duration>) {
    match limit {
        Some(limit) => sleep(limit).await,
        None => pending().await,
    }
}

/// A service that counts the requests under way, and tells clients of HTTP/1.1 to go when it is time.
struct Counted {
    call: Arc<Call>,
    pace: Pace,
    closes: bool,
    stop: CancellationToken,
}

impl Service<Request<Incoming>> for Counted {
    type Response = Response<UnsyncBoxBody<Bytes, BodyError>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let open = self.pace.begin();
        let answer = (self.call)(request);
        let (closes, stop) = (self.closes, self.stop.clone());
        Box::pin(async move {
            let mut answer = answer.await;
            if closes && stop.is_cancelled() {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            drop(open);
            Ok(answer)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_connections_read_less_ahead_where_there_is_a_limit() {
        let ahead = |options: ServerOptions, connections| {
            Builders::new(options, &Streams::default()).read_ahead(connections)
        };
        let free = || ServerOptions::new(Speaks::Http);
        let limited = || ServerOptions { read_ahead: Some(4 << 20), ..free() };
        assert_eq!(ahead(free(), 10_000), READ_BUFFER);
        assert_eq!(ahead(limited(), 64), READ_BUFFER);
        assert_eq!(ahead(limited(), 128), READ_BUFFER / 2);
        assert_eq!(ahead(limited(), 10_000), LEAST_BUFFER);
        assert_eq!(ahead(ServerOptions { read_buffer: Some(20_000), ..limited() }, 64), 20_000);
        assert_eq!(ahead(ServerOptions { read_buffer: Some(1), ..free() }, 64), LEAST_BUFFER);
    }
}
