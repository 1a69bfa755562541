//! An HTTP client over the one dialer.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use crate::body::{self, Chunks, ReadError};
use crate::dialer::Dialer;

/// Settings of an [`HttpClient`].
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Limit for a whole request, the answer's body included. `None`: no limit.
    pub timeout: Option<Duration>,
    /// The longest answer that is read.
    pub response_limit: usize,
    /// How long an unused connection is kept. `None`: for ever.
    pub idle_timeout: Option<Duration>,
    /// How many unused connections to one host are kept.
    pub idle_connections_per_host: usize,
}

/// Sends requests over connections that it keeps: HTTP/1.1, or HTTP/2 where a TLS peer chooses it. Redirects are not followed.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: Client<Dialer, Chunks>,
    options: ClientOptions,
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

impl HttpClient {
    /// A client. It connects when there is something to send.
    pub fn new(dialer: Dialer, options: ClientOptions) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(options.idle_timeout)
            .pool_max_idle_per_host(options.idle_connections_per_host)
            .build(dialer);
        Self { client, options }
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    ///
    /// There was no whole answer.
    pub async fn send(&self, request: Request<Chunks>) -> Result<Response<Bytes>, RequestError> {
        self.within_limit(async {
            let (head, body) = self.exchange(request).await?.into_parts();
            match body::read(body, self.options.response_limit).await {
                Ok(body) => Ok(Response::from_parts(head, body)),
                Err(ReadError::TooLarge { limit }) => Err(RequestError::TooLarge { limit }),
                Err(broken) => Err(RequestError::Unreachable(broken.into())),
            }
        })
        .await
    }

    /// Like [`send`](Self::send), but of a long answer the beginning is enough: the rest is not read.
    ///
    /// # Errors
    ///
    /// There was no answer, or it broke off before the limit.
    pub async fn send_and_cut(
        &self,
        request: Request<Chunks>,
    ) -> Result<Response<Bytes>, RequestError> {
        self.within_limit(async {
            let (head, body) = self.exchange(request).await?.into_parts();
            match body::read_beginning(body, self.options.response_limit).await {
                Ok(body) => Ok(Response::from_parts(head, body)),
                Err(broken) => Err(RequestError::Unreachable(broken.into())),
            }
        })
        .await
    }

    async fn exchange(&self, request: Request<Chunks>) -> Result<Response<Incoming>, RequestError> {
        let answer = self.client.request(request).await;
        answer.map_err(|error| RequestError::Unreachable(error.into()))
    }

    async fn within_limit<T>(
        &self,
        exchange: impl Future<Output = Result<T, RequestError>>,
    ) -> Result<T, RequestError> {
        let Some(limit) = self.options.timeout else { return exchange.await };
        timeout(limit, exchange).await.unwrap_or(Err(RequestError::TimedOut { limit }))
    }
}
