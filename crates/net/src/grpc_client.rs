//! A client for unary gRPC calls over the one dialer.

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, TE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::body::Chunks;
use crate::compression::Algorithm;
use crate::dialer::Dialer;
use crate::grpc;
use crate::status::{Status, code};

/// The longest answer that is read. Answers to exports are a few bytes.
const ANSWER: usize = 4 << 20;

/// Calls methods of one server, all over one connection of HTTP/2.
#[derive(Clone, Debug)]
pub struct GrpcClient {
    client: Client<Dialer, Chunks>,
    scheme: Scheme,
    authority: Authority,
    headers: HeaderMap,
    compression: Option<Algorithm>,
}

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No connection, or it broke.
    #[error("cannot reach {peer}")]
    Unreachable {
        /// The server.
        peer: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server said so, or its answer was no gRPC.
    #[error("{}", .0.message)]
    Status(Status),
}

impl GrpcClient {
    /// A client of the server at `authority`. It connects with the first call. `headers` go with every call.
    pub fn new(
        dialer: Dialer,
        scheme: Scheme,
        authority: Authority,
        mut headers: HeaderMap,
        compression: Option<Algorithm>,
    ) -> Self {
        headers.insert(CONTENT_TYPE, grpc::CONTENT_TYPE);
        headers.insert(TE, HeaderValue::from_static("trailers"));
        if let Some(name) = compression.and_then(grpc::encoding_name) {
            headers.insert(grpc::ENCODING, HeaderValue::from_static(name));
        }
        headers.insert(grpc::ACCEPT_ENCODING, HeaderValue::from_static(grpc::ACCEPTED));
        let client = Client::builder(TokioExecutor::new())
            .http2_only(true)
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(None)
            .build(dialer);
        Self { client, scheme, authority, headers, compression }
    }

    /// Calls a method with one message and returns the one in the answer.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn call(
        &self,
        path: &'static str,
        message: impl IntoIterator<Item = Bytes>,
    ) -> Result<Bytes, CallError> {
        let body = self.body(message)?;
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(PathAndQuery::from_static(path))
            .build()
            .expect("scheme, authority and path make a URI");
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        let answer = self.client.request(request).await.map_err(|error| self.unreachable(error))?;
        let (head, body) = answer.into_parts();
        if let Some(status) = grpc::read_status(&head.headers) {
            // Headers alone: there is nothing more to come.
            return if status.code == code::OK {
                Ok(Bytes::new())
            } else {
                Err(CallError::Status(status))
            };
        }
        if !head.status.is_success() {
            let message = format!("{} answered with HTTP status {}", self.authority, head.status);
            let code = match head.status.as_u16() {
                429 | 502..=504 => code::UNAVAILABLE,
                _ => Status::code_of_http(head.status),
            };
            return Err(CallError::Status(Status::new(code, message)));
        }
        let encoding = head.headers.get(grpc::ENCODING).cloned();
        let (message, trailers) = self.read(body).await?;
        match grpc::read_status(&trailers) {
            Some(status) if status.code != code::OK => Err(CallError::Status(status)),
            Some(_) => grpc::message(message, encoding.as_ref(), ANSWER).map_err(CallError::Status),
            None => {
                let message = format!("{} sent no gRPC status", self.authority);
                Err(CallError::Status(Status::new(code::UNKNOWN, message)))
            }
        }
    }

    fn body(&self, message: impl IntoIterator<Item = Bytes>) -> Result<Chunks, CallError> {
        let mut chunks: Vec<Bytes> = message.into_iter().collect();
        if let Some(algorithm) = self.compression {
            chunks = vec![algorithm.compress(None, &chunks)];
        }
        let length = chunks.iter().map(Bytes::len).sum();
        let prefix = grpc::prefix(length, self.compression.is_some()).map_err(CallError::Status)?;
        Ok(std::iter::once(prefix).chain(chunks).collect())
    }

    async fn read(&self, mut body: Incoming) -> Result<(Bytes, HeaderMap), CallError> {
        let mut message = BytesMut::new();
        let mut trailers = HeaderMap::new();
        while let Some(frame) = body.frame().await {
            match frame.map_err(|error| self.unreachable(error))?.into_data() {
                Ok(data) if message.len() + data.len() > ANSWER => {
                    return Err(CallError::Status(grpc::too_large(
                        message.len() + data.len(),
                        ANSWER,
                    )));
                }
                Ok(data) => message.extend_from_slice(&data),
                Err(frame) => {
                    if let Ok(last) = frame.into_trailers() {
                        trailers = last;
                    }
                }
            }
        }
        Ok((message.freeze(), trailers))
    }

    fn unreachable(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CallError {
        CallError::Unreachable { peer: self.authority.to_string(), source: error.into() }
    }
}
