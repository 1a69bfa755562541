//! A client for unary gRPC calls over the one dialer.

mod channel;
mod tasks;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, TE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;

use self::channel::{Channel, Link};
use crate::body::Chunks;
use crate::compression::Algorithm;
use crate::dialer::{Dialer, Peer};
use crate::grpc;
use crate::resolve::without_brackets;
use crate::settings::Balancer;
use crate::status::{Status, code};

/// The longest answer that is read. Answers to exports are a few bytes.
const ANSWER: usize = 4 << 20;

/// Settings of a [`GrpcClient`].
#[derive(Clone, Debug)]
pub struct GrpcOptions {
    /// The server.
    pub peer: Peer,
    /// The name that the server's certificate must have. `None`: no TLS.
    pub secured_for: Option<String>,
    /// What the server is told that it is called.
    pub authority: Authority,
    /// What goes with every call.
    pub headers: HeaderMap,
    /// How messages are compressed, if they are.
    pub compression: Option<Algorithm>,
    /// How calls are spread over the server's addresses.
    pub balancer: Balancer,
    /// Whether a call waits for a connection, as long as the caller lets it, or fails when there is none to be had.
    pub waits_for_ready: bool,
    /// Whether and how the server is asked if it is still there.
    pub keepalive: Option<Keepalive>,
    /// How many bytes of a call are gathered before they are written. `None`: HTTP's library decides.
    pub write_buffer: Option<usize>,
}

impl GrpcOptions {
    /// A server by what its URL says, with the defaults for the rest. `https` means TLS.
    pub fn new(scheme: &Scheme, authority: Authority) -> Self {
        let is_secure = *scheme == Scheme::HTTPS;
        let name = without_brackets(authority.host()).to_owned();
        let port = authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        Self {
            secured_for: is_secure.then(|| name.clone()),
            peer: Peer::Host { name, port },
            authority,
            headers: HeaderMap::new(),
            compression: None,
            balancer: Balancer::RoundRobin,
            waits_for_ready: false,
            keepalive: None,
            write_buffer: None,
        }
    }
}

/// How a peer is asked if it is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// After how much silence.
    pub interval: Duration,
    /// How long it may take to answer. Then the connection is given up.
    pub timeout: Duration,
    /// Whether it is asked while no call is under way.
    pub while_idle: bool,
}

/// Calls methods of one server.
///
/// A connection on which a call was not answered, because it failed, timed out or was dropped, is not used for another one:
/// the next looks the name up and connects anew.
#[derive(Clone, Debug)]
pub struct GrpcClient {
    channel: Arc<Channel>,
    headers: HeaderMap,
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

type Exchange<'a> = Pin<Box<dyn Future<Output = Result<Bytes, CallError>> + Send + 'a>>;

impl GrpcClient {
    /// A client. It connects with the first call.
    pub fn new(dialer: Dialer, options: GrpcOptions) -> Self {
        let mut headers = options.headers.clone();
        headers.insert(CONTENT_TYPE, grpc::CONTENT_TYPE);
        headers.insert(TE, HeaderValue::from_static("trailers"));
        if let Some(name) = options.compression.and_then(grpc::encoding_name) {
            headers.insert(grpc::ENCODING, HeaderValue::from_static(name));
        }
        headers.insert(grpc::ACCEPT_ENCODING, HeaderValue::from_static(grpc::ACCEPTED));
        Self { channel: Channel::new(dialer, options), headers }
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
        self.exchange(self.request(path, message)?).await
    }

    /// It is boxed here so that HTTP is compiled here, once, and not in every crate that calls.
    #[inline(never)]
    fn exchange(&self, request: Request<Chunks>) -> Exchange<'_> {
        Box::pin(self.send_and_understand(request))
    }

    async fn send_and_understand(&self, request: Request<Chunks>) -> Result<Bytes, CallError> {
        let link = self.channel.link().await.map_err(|error| self.unreachable(error))?;
        let suspect = Suspect { channel: &self.channel, link: Some(link) };
        let (answer, suspect) = self.send(request, suspect).await?;
        let result = self.understand(answer).await;
        if !matches!(result, Err(CallError::Unreachable { .. })) {
            suspect.acquit();
        }
        result
    }

    fn request(
        &self,
        path: &'static str,
        message: impl IntoIterator<Item = Bytes>,
    ) -> Result<Request<Chunks>, CallError> {
        let options = self.channel.options();
        let scheme = if options.secured_for.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(options.authority.clone())
            .path_and_query(PathAndQuery::from_static(path))
            .build()
            .expect("scheme, authority and path make a URI");
        let mut request = Request::new(self.body(message)?);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }

    /// Sends a request. If the connection has ended before that, which shows only now, it goes to another one.
    async fn send<'a>(
        &'a self,
        request: Request<Chunks>,
        mut suspect: Suspect<'a>,
    ) -> Result<(Response<Incoming>, Suspect<'a>), CallError> {
        let mut unsent = match suspect.sender().try_send_request(request).await {
            Ok(answer) => return Ok((answer, suspect)),
            Err(error) => error,
        };
        let Some(request) = unsent.take_message() else {
            return Err(self.unreachable(unsent.into_error()));
        };
        drop(suspect);
        let link = self.channel.link().await.map_err(|error| self.unreachable(error))?;
        let mut suspect = Suspect { channel: &self.channel, link: Some(link) };
        let answer = suspect.sender().send_request(request).await;
        Ok((answer.map_err(|error| self.unreachable(error))?, suspect))
    }

    /// What an answer says.
    async fn understand(&self, answer: Response<Incoming>) -> Result<Bytes, CallError> {
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
            let message = format!(
                "{} answered with HTTP status {}",
                self.channel.options().peer,
                head.status
            );
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
                let message = format!("{} sent no gRPC status", self.channel.options().peer);
                Err(CallError::Status(Status::new(code::UNKNOWN, message)))
            }
        }
    }

    fn body(&self, message: impl IntoIterator<Item = Bytes>) -> Result<Chunks, CallError> {
        let compression = self.channel.options().compression;
        let mut chunks: Vec<Bytes> = message.into_iter().collect();
        if let Some(algorithm) = compression {
            chunks = vec![algorithm.compress(None, &chunks)];
        }
        let length = chunks.iter().map(Bytes::len).sum();
        let prefix = grpc::prefix(length, compression.is_some()).map_err(CallError::Status)?;
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
        let peer = self.channel.options().peer.to_string();
        CallError::Unreachable { peer, source: error.into() }
    }
}

/// A connection that has a call and has not answered it yet. If it never does, nobody uses it again: its peer may be gone
/// without a word.
struct Suspect<'a> {
    channel: &'a Channel,
    link: Option<Link>,
}

impl Suspect<'_> {
    fn sender(&mut self) -> &mut SendRequest<Chunks> {
        &mut self.link.as_mut().expect("there until it is acquitted").sender
    }

    fn acquit(mut self) {
        self.link = None;
    }
}

impl Drop for Suspect<'_> {
    fn drop(&mut self) {
        if let Some(link) = &self.link {
            self.channel.give_up(link);
        }
    }
}
