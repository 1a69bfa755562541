//! Serving HTTP on a listener until told to stop.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::listeners::Listener;
use crate::stream::Duplex;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a connection without a request stays when the server stops. Its client may be about to send one.
const LINGER: Duration = Duration::from_millis(200);
/// How much a connection of HTTP/1.1 reads ahead of whoever consumes its bodies. It bounds the head of a request as well.
const READ_BUFFER: usize = 64 << 10;
/// The pause after a connection could not be accepted for want of file descriptors.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// What a server speaks on its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP/1.1, and HTTP/2 where TLS negotiates it.
    Http,
    /// HTTP/2 alone, with or without TLS.
    Grpc,
}

/// Settings of a [`Server`].
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The protocol.
    pub speaks: Speaks,
    /// TLS, or none.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// How long a client may take for the headers of a request. `None`: for ever.
    pub read_header_timeout: Option<Duration>,
    /// Whether connections of HTTP/1.1 serve more than one request.
    pub keep_alive: bool,
    /// How many requests a connection of HTTP/2 may have open. `None`: any number.
    pub max_concurrent_streams: Option<u32>,
}

/// Accepts connections and serves each in a task of its own.
#[derive(Debug)]
pub struct Server {
    listener: Listener,
    options: ServerOptions,
}

impl Server {
    /// A server that does not accept yet.
    pub fn new(listener: Listener, options: ServerOptions) -> Self {
        Self { listener, options }
    }

    /// Serves until `stop`. Then it accepts no more, tells clients to go elsewhere (`Connection: close`, GOAWAY), and returns
    /// when every request under way is answered. A client that has connected and not yet sent a request is given a moment
    /// for it. Dropping the future ends all connections.
    pub async fn run<S, B>(self, service: S, stop: CancellationToken)
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let call = move |request| {
            let answer = service.call(request);
            let answer: Answer = Box::pin(async move {
                let Ok(answer) = answer.await;
                answer.map(|body| UnsyncBoxBody::new(body.map_err(Into::into)))
            });
            answer
        };
        self.run_with(Arc::new(call), stop).await;
    }

    /// The same for any service. It is boxed here so that HTTP is compiled here, once, and not in every crate that serves.
    #[inline(never)]
    fn run_with(
        self,
        call: Arc<Call>,
        stop: CancellationToken,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.serve(call, stop))
    }

    async fn serve(self, call: Arc<Call>, stop: CancellationToken) {
        let Self { listener, options } = self;
        let streams = Streams::default();
        // Also when this future is dropped.
        let _end_of_streams = streams.end.clone().drop_guard();
        let builders = Arc::new(Builders::new(&options, &streams));
        let tls = options.tls.map(TlsAcceptor::from);
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = connections.join_next() => {
                    note(ended);
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) if is_of_connection(&error) => continue,
                Err(error) => {
                    warn!(%error, "cannot accept connections");
                    stop.run_until_cancelled(sleep(EXHAUSTED)).await;
                    continue;
                }
            };
            // A connection that is broken already says so when it is read.
            stream.set_nodelay(true).ok();
            let connection = Connection {
                builders: Arc::clone(&builders),
                call: Arc::clone(&call),
                stop: stop.clone(),
            };
            match tls.clone() {
                None => connections.spawn(connection.serve_plain(stream)),
                Some(tls) => connections.spawn(connection.serve_tls(tls, stream)),
            };
        }
        // The socket is free, or its next holder's alone.
        drop(listener);
        while let Some(ended) = connections.join_next().await {
            note(ended);
        }
        streams.tasks.close();
        streams.tasks.wait().await;
    }
}

/// Whether a connection failed before it was accepted, which is the client's affair.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// A request that panics costs its client the connection, and nobody else.
fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        warn!(%error, "a connection was given up");
    }
}

/// The tasks in which HTTP/2 serves its requests. They end with their server.
#[derive(Clone, Debug, Default)]
struct Streams {
    tasks: TaskTracker,
    end: CancellationToken,
}

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, stream: F) {
        self.tasks.spawn(self.end.clone().run_until_cancelled_owned(stream));
    }
}

/// How connections are served, by the protocol that their client speaks. It is known before the first byte, so that a
/// server that stops need not cut a connection because it doesn't know yet.
struct Builders {
    http1: http1::Builder,
    http2: http2::Builder<Streams>,
    /// Without a word of TLS about it.
    default: Protocol,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

impl Builders {
    fn new(options: &ServerOptions, streams: &Streams) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .max_buf_size(READ_BUFFER)
            .header_read_timeout(options.read_header_timeout)
            .keep_alive(options.keep_alive);
        let mut http2 = http2::Builder::new(streams.clone());
        http2.timer(TokioTimer::new()).max_concurrent_streams(options.max_concurrent_streams);
        let default = match options.speaks {
            Speaks::Http => Protocol::Http1,
            Speaks::Grpc => Protocol::Http2,
        };
        Self { http1, http2, default }
    }
}

/// Why a body ends before its time.
type BodyError = Box<dyn std::error::Error + Send + Sync>;
/// A service, whatever its types.
type Call = dyn Fn(Request<Incoming>) -> Answer + Send + Sync;
/// Its answer.
type Answer = Pin<Box<dyn Future<Output = Response<UnsyncBoxBody<Bytes, BodyError>>> + Send>>;

/// One connection's share of the server.
struct Connection {
    builders: Arc<Builders>,
    call: Arc<Call>,
    stop: CancellationToken,
}

impl Connection {
    async fn serve_plain(self, stream: TcpStream) {
        let protocol = self.builders.default;
        self.serve(protocol, Box::new(stream)).await;
    }

    async fn serve_tls(self, tls: TlsAcceptor, stream: TcpStream) {
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
                let agreed = stream.get_ref().1.alpn_protocol();
                let protocol = match agreed == Some(b"h2") {
                    true => Protocol::Http2,
                    false => self.builders.default,
                };
                self.serve(protocol, Box::new(stream)).await;
            }
            Ok(Err(error)) => debug!(%error, "TLS handshake failed"),
            Err(_) => debug!("TLS handshake took too long"),
        }
    }

    async fn serve(self, protocol: Protocol, stream: Box<dyn Duplex>) {
        let requests = Requests::default();
        let service = Counted {
            call: self.call,
            requests: requests.clone(),
            protocol,
            stop: self.stop.clone(),
        };
        let stream = TokioIo::new(stream);
        let served = match protocol {
            Protocol::Http1 => {
                let connection = pin!(self.builders.http1.serve_connection(stream, service));
                let last_request = async {
                    self.stop.cancelled().await;
                    // It is told with an answer which request was the last. Without one the connection would break off,
                    // perhaps under a request that is on its way.
                    requests.begun().await;
                };
                until(last_request, &requests, connection, http1::Connection::graceful_shutdown).await
            }
            Protocol::Http2 => {
                let connection = pin!(self.builders.http2.serve_connection(stream, service));
                let stopped = self.stop.cancelled();
                until(stopped, &requests, connection, http2::Connection::graceful_shutdown).await
            }
        };
        if let Err(error) = served {
            debug!(%error, "connection ended");
        }
    }
}

/// Serves a connection to its end, or until its last request is answered.
async fn until<C: Future<Output = hyper::Result<()>>>(
    last_request: impl Future<Output = ()>,
    requests: &Requests,
    mut connection: Pin<&mut C>,
    shut_down: impl FnOnce(Pin<&mut C>),
) -> hyper::Result<()> {
    tokio::select! {
        served = &mut connection => return served,
        () = last_request => shut_down(connection.as_mut()),
    }
    tokio::select! {
        served = connection => served,
        () = requests.quiet() => Ok(()),
    }
}

/// The requests under way at one connection.
#[derive(Clone, Default)]
struct Requests {
    open: TaskTracker,
    new: Arc<Notify>,
}

impl Requests {
    /// Waits until there is one, but only for a moment.
    async fn begun(&self) {
        if self.open.is_empty() {
            // In time or not: there is nothing more to wait for.
            timeout(LINGER, self.new.notified()).await.ok();
        }
    }

    /// Waits until there has been none for a moment.
    async fn quiet(&self) {
        self.open.close();
        loop {
            self.open.wait().await;
            sleep(LINGER).await;
            if self.open.is_empty() {
                return;
            }
        }
    }
}

/// A service that counts the requests under way, and tells clients of HTTP/1.1 to go when it is time.
struct Counted {
    call: Arc<Call>,
    requests: Requests,
    protocol: Protocol,
    stop: CancellationToken,
}

impl Service<Request<Incoming>> for Counted {
    type Response = Response<UnsyncBoxBody<Bytes, BodyError>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let open = self.requests.open.token();
        self.requests.new.notify_waiters();
        let answer = (self.call)(request);
        let (protocol, stop) = (self.protocol, self.stop.clone());
        Box::pin(async move {
            let mut answer = answer.await;
            if protocol == Protocol::Http1 && stop.is_cancelled() {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            drop(open);
            Ok(answer)
        })
    }
}

#[cfg(test)]
mod tests;
