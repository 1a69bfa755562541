//! An HTTP client over the one dialer.

mod cookies;
mod turns;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{COOKIE, PROXY_AUTHORIZATION};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use self::cookies::Jar;
use self::turns::Turns;
use crate::body::{self, Chunks, ReadError};
use crate::dialer::Dialer;

/// Settings of an [`HttpClient`].
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Limit for a whole request, the answer's body included. `None`: no limit. It is the default.
    pub timeout: Option<Duration>,
    /// The longest answer that is read. Default: 64 KiB.
    pub response_limit: usize,
    /// How long an unused connection is kept. `None`, the default: for ever.
    pub idle_timeout: Option<Duration>,
    /// How many unused connections to one host are kept. Default: none.
    pub idle_connections_per_host: usize,
    /// How many requests to one host are under way at once; over HTTP/1.1 each has its connection. `None`, the default: any
    /// number.
    pub requests_per_host: Option<usize>,
    /// How many bytes of a request are gathered before they are written. `None`, the default: HTTP's library decides.
    pub write_buffer: Option<usize>,
    /// How often the peer of an HTTP/2 connection is asked whether it is still there. `None`, the default: never.
    pub ping_interval: Option<Duration>,
    /// How long it may take to say so. Then the connection is given up. Default: 15 s.
    pub ping_timeout: Duration,
    /// Whether cookies are kept and sent back. Default: not.
    pub keeps_cookies: bool,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            timeout: None,
            response_limit: 64 << 10,
            idle_timeout: None,
            idle_connections_per_host: 0,
            requests_per_host: None,
            write_buffer: None,
            ping_interval: None,
            ping_timeout: Duration::from_secs(15),
            keeps_cookies: false,
        }
    }
}

/// Less than this would not hold the headers of a response, for which HTTP's library has the same limit.
const LEAST_BUFFER: usize = 64 << 10;

/// Sends requests over connections that it keeps: HTTP/1.1, or HTTP/2 where a TLS peer chooses it. Redirects are not followed.
///
/// A connection on which a request was not answered, because it failed, timed out or was dropped, is not used for another
/// one: the next looks the name up and connects anew.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: Client<Dialer, Chunks>,
    dialer: Dialer,
    options: ClientOptions,
    turns: Option<Arc<Turns>>,
    cookies: Option<Arc<Jar>>,
}

/// Why a request got no answer. No variant shows the request's headers.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// No connection, or it broke.
    #[error("cannot reach the peer")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nobody answered in time.
    #[error("no answer within {limit:?}")]
    TimedOut {
        /// The time there was.
        limit: Duration,
    },
    /// The answer is longer than what is read.
    #[error("the answer is longer than {limit} bytes")]
    TooLarge {
        /// The most that is read.
        limit: usize,
    },
}

/// A request on its way. It is boxed here so that HTTP is compiled here, once, and not in every crate that sends.
pub type Exchange<'a> =
    Pin<Box<dyn Future<Output = Result<Response<Bytes>, RequestError>> + Send + 'a>>;

impl HttpClient {
    /// A client. It connects when there is something to send.
    pub fn new(dialer: Dialer, options: ClientOptions) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(options.idle_timeout)
            .pool_max_idle_per_host(options.idle_connections_per_host)
            .http2_keep_alive_interval(options.ping_interval)
            .http2_keep_alive_timeout(options.ping_timeout)
            .http2_keep_alive_while_idle(true);
        if let Some(bytes) = options.write_buffer {
            let bytes = bytes.max(LEAST_BUFFER);
            builder.http1_max_buf_size(bytes).http2_max_send_buf_size(bytes);
        }
        Self {
            client: builder.build(dialer.clone()),
            dialer,
            turns: options.requests_per_host.map(|limit| Arc::new(Turns::new(limit))),
            cookies: options.keeps_cookies.then(Arc::default),
            options,
        }
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    ///
    /// There was no whole answer.
    #[inline(never)]
    pub fn send(&self, request: Request<Chunks>) -> Exchange<'_> {
        let limit = self.options.response_limit;
        Box::pin(self.exchange(request, async move |body| match body::read(body, limit).await {
            Ok(body) => Ok(body),
            Err(ReadError::TooLarge { limit }) => Err(RequestError::TooLarge { limit }),
            Err(broken) => Err(RequestError::Unreachable(broken.into())),
        }))
    }

    /// Like [`send`](Self::send), but of a long answer the beginning is enough: the rest is not read.
    ///
    /// # Errors
    ///
    /// There was no answer, or it broke off before the limit.
    #[inline(never)]
    pub fn send_and_cut(&self, request: Request<Chunks>) -> Exchange<'_> {
        let limit = self.options.response_limit;
        Box::pin(self.exchange(request, async move |body| {
            let read = body::read_beginning(body, limit).await;
            read.map_err(|broken| RequestError::Unreachable(broken.into()))
        }))
    }

    async fn exchange(
        &self,
        mut request: Request<Chunks>,
        read: impl AsyncFnOnce(Incoming) -> Result<Bytes, RequestError> + Send,
    ) -> Result<Response<Bytes>, RequestError> {
        let uri = request.uri().clone();
        if let Some(authorization) = self.dialer.proxy_authorization(&uri) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
        }
        if let Some(cookies) = self.cookies.as_ref().and_then(|jar| jar.cookies(&uri)) {
            request.headers_mut().append(COOKIE, cookies);
        }
        self.within_limit(async {
            let _turn = match &self.turns {
                Some(turns) => Some(turns.take(&uri).await),
                None => None,
            };
            let suspect = Suspect(Some(capture_connection(&mut request)));
            let answer = self.client.request(request).await;
            let answer = answer.map_err(|error| RequestError::Unreachable(error.into()))?;
            let (head, body) = answer.into_parts();
            if let Some(jar) = &self.cookies {
                jar.keep(&uri, &head.headers);
            }
            let body = read(body).await?;
            suspect.acquit();
            Ok(Response::from_parts(head, body))
        })
        .await
    }

    async fn within_limit<T>(
        &self,
        exchange: impl Future<Output = Result<T, RequestError>>,
    ) -> Result<T, RequestError> {
        let Some(limit) = self.options.timeout else { return exchange.await };
        timeout(limit, exchange).await.unwrap_or(Err(RequestError::TimedOut { limit }))
    }
}

/// A connection that has a request and has not answered it yet. If it never does, nobody uses it again: its peer may be gone
/// without a word, and over HTTP/2 all later requests would go there too.
struct Suspect(Option<CaptureConnection>);

impl Suspect {
    fn acquit(mut self) {
        self.0 = None;
    }
}

impl Drop for Suspect {
    fn drop(&mut self) {
        let Some(captured) = &self.0 else { return };
        if let Some(connection) = &*captured.connection_metadata() {
            connection.poison();
        }
    }
}
