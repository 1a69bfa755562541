//! Serving HTTP on a listener until told to stop.

mod connection;
mod pace;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::Service;
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use self::connection::{Answer, BodyError, Builders, Call, Connection};
use crate::listeners::Listener;

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
    /// How long a client of HTTP/1.1 may take for the headers of a request, from their first byte on. `None`: for ever.
    pub read_header_timeout: Option<Duration>,
    /// For how long a client may leave an answer unread. `None`: for ever.
    pub write_timeout: Option<Duration>,
    /// For how long a connection may be without a request. `None`: for ever.
    pub idle_timeout: Option<Duration>,
    /// For how long a connection may last, give or take a tenth. Then its client is told to make a new one. `None`: for ever.
    pub max_age: Option<Duration>,
    /// For how long requests may go on after that. `None`: until they are answered.
    pub max_age_grace: Option<Duration>,
    /// Whether connections of HTTP/1.1 serve more than one request.
    pub keep_alive: bool,
    /// How many requests a connection of HTTP/2 may have open. `None`: any number.
    pub max_concurrent_streams: Option<u32>,
    /// After how much silence the client of an HTTP/2 connection is asked whether it is still there. `None`: never.
    pub ping_after: Option<Duration>,
    /// How long it may take to answer. Then the connection is given up.
    pub ping_timeout: Duration,
    /// How many bytes are read of a connection at once. `None`: HTTP's library decides.
    pub read_buffer: Option<usize>,
    /// How many bytes connections of HTTP/1.1 read ahead of those who consume their bodies, all of them together, about: those
    /// that come when there are many get less each. `None`: each may read 64 KiB, or `read_buffer`.
    pub read_ahead: Option<usize>,
    /// How many bytes of answers are gathered on a connection of HTTP/2. `None`: HTTP's library decides.
    pub write_buffer: Option<usize>,
}

impl ServerOptions {
    /// No TLS, no limits, connections for many requests.
    pub const fn new(speaks: Speaks) -> Self {
        Self {
            speaks,
            tls: None,
            read_header_timeout: None,
            write_timeout: None,
            idle_timeout: None,
            max_age: None,
            max_age_grace: None,
            keep_alive: true,
            max_concurrent_streams: None,
            ping_after: None,
            ping_timeout: Duration::from_secs(20),
            read_buffer: None,
            read_ahead: None,
            write_buffer: None,
        }
    }
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
        let tls = options.tls.clone().map(TlsAcceptor::from);
        let builders = Arc::new(Builders::new(options, &streams));
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
                Ok(stream) => stream.into_duplex(),
                Err(error) if is_of_connection(&error) => continue,
                Err(error) => {
                    warn!(%error, "cannot accept connections");
                    stop.run_until_cancelled(sleep(EXHAUSTED)).await;
                    continue;
                }
            };
            let connection = Connection {
                builders: Arc::clone(&builders),
                call: Arc::clone(&call),
                stop: stop.clone(),
                connections: connections.len() + 1,
            };
            connections.spawn(connection.serve(tls.clone(), stream));
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

#[cfg(test)]
mod tests;
