//! HTTP and gRPC as the load generator, the sink and the floor speak them: hyper, and nothing on top.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::{Context as _, Result};
use bytes::{BufMut, Bytes, BytesMut};
use clap::ValueEnum;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, TE};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::payload::Kind;

/// The protocols of OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    Http,
    Grpc,
}

const PREFIX: usize = 5;

/// The prefix of an uncompressed gRPC message.
pub(crate) fn prefix(length: usize) -> Bytes {
    let mut prefix = BytesMut::with_capacity(PREFIX);
    prefix.put_u8(0);
    prefix.put_u32(u32::try_from(length).expect("messages are shorter than 4 GiB"));
    prefix.freeze()
}

/// The chunks of a body, sent one by one.
#[derive(Default)]
pub(crate) struct Chunks {
    frames: VecDeque<Frame<Bytes>>,
    length: Option<u64>,
}

impl Chunks {
    /// What a request carries: the message, behind its prefix where there is one.
    pub(crate) fn request(protocol: Protocol, message: &[Bytes]) -> Self {
        let length = message.iter().map(Bytes::len).sum();
        let prefix = (protocol == Protocol::Grpc).then(|| prefix(length));
        let frames: VecDeque<_> =
            prefix.into_iter().chain(message.iter().cloned()).map(Frame::data).collect();
        let length = frames.iter().filter_map(Frame::data_ref).map(|data| data.len() as u64).sum();
        Self { frames, length: Some(length) }
    }

    /// An empty answer of gRPC with its status.
    fn grpc_status(status: &'static str) -> Self {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static(status));
        let frames = [Frame::data(prefix(0)), Frame::trailers(trailers)];
        Self { frames: frames.into(), length: None }
    }

    /// A text.
    pub(crate) fn text(text: String) -> Self {
        Self::request(Protocol::Http, &[text.into()])
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.frames.pop_front().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// One connection to a server.
pub(crate) struct Connection {
    sender: Sender,
    address: String,
    /// The connection's own work; it ends with this.
    _task: JoinSet<()>,
}

enum Sender {
    Http(conn::http1::SendRequest<Chunks>),
    Grpc(conn::http2::SendRequest<Chunks>),
}

/// A request that may be anything.
pub(crate) struct Odd {
    /// 0 to 2: traces, metrics, logs.
    pub(crate) signal: usize,
    pub(crate) media_type: &'static str,
    pub(crate) encoding: Option<&'static str>,
    pub(crate) body: Bytes,
}

/// How a server took a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answer {
    Accepted,
    /// With the status, as the protocol writes it.
    Refused(String),
}

impl Connection {
    pub(crate) async fn open(protocol: Protocol, address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let (stream, mut task) = (TokioIo::new(stream), JoinSet::new());
        let sender = match protocol {
            Protocol::Http => {
                let (sender, connection) = conn::http1::handshake(stream).await?;
                task.spawn(async move { drop(connection.await) });
                Sender::Http(sender)
            }
            Protocol::Grpc => {
                let (sender, connection) =
                    conn::http2::handshake(TokioExecutor::new(), stream).await?;
                task.spawn(async move { drop(connection.await) });
                Sender::Grpc(sender)
            }
        };
        Ok(Self { sender, address: address.to_owned(), _task: task })
    }

    /// Sends a request whatever is in it, and gives the status of the answer.
    pub(crate) async fn send(&mut self, odd: Odd) -> Result<String> {
        let Odd { signal, media_type, encoding, body } = odd;
        let body = Chunks::request(Protocol::Http, &[body]);
        let request = |uri: String, name: &str| {
            let mut request = Request::post(uri)
                .header(HOST, &self.address)
                .header(CONTENT_TYPE, media_type)
                .header(TE, "trailers");
            if let Some(encoding) = encoding {
                request = request.header(name, encoding);
            }
            request.body(body)
        };
        let response = match &mut self.sender {
            Sender::Http(sender) => {
                sender.ready().await?;
                let path = ["/v1/traces", "/v1/metrics", "/v1/logs"][signal];
                sender.send_request(request(path.to_owned(), "content-encoding")?).await?
            }
            Sender::Grpc(sender) => {
                sender.ready().await?;
                let service = ["trace.v1.Trace", "metrics.v1.Metrics", "logs.v1.Logs"][signal];
                let uri = format!(
                    "http://{}/opentelemetry.proto.collector.{service}Service/Export",
                    self.address
                );
                sender.send_request(request(uri, "grpc-encoding")?).await?
            }
        };
        let status = response.status().as_u16().to_string();
        let head = response.headers().get("grpc-status").cloned();
        let body = response.into_body().collect().await?;
        let trailer = body.trailers().and_then(|trailers| trailers.get("grpc-status").cloned());
        Ok(match head.or(trailer) {
            Some(code) => format!("grpc {}", code.to_str().unwrap_or("?")),
            None => status,
        })
    }

    /// Sends one export request and reads its answer.
    pub(crate) async fn export(&mut self, kind: Kind, message: &[Bytes]) -> Result<Answer> {
        let request = |protocol, uri: &str, media_type: &'static str| {
            Request::post(uri)
                .header(HOST, &self.address)
                .header(CONTENT_TYPE, media_type)
                .header(TE, "trailers")
                .body(Chunks::request(protocol, message))
        };
        let response = match &mut self.sender {
            Sender::Http(sender) => {
                sender.ready().await?;
                let request = request(Protocol::Http, kind.path(), "application/x-protobuf")?;
                sender.send_request(request).await?
            }
            Sender::Grpc(sender) => {
                sender.ready().await?;
                let uri = format!("http://{}{}", self.address, kind.method());
                sender.send_request(request(Protocol::Grpc, &uri, "application/grpc")?).await?
            }
        };
        let status = response.status();
        let head = response.headers().get("grpc-status").cloned();
        let is_grpc = matches!(self.sender, Sender::Grpc(_));
        let body = response.into_body().collect().await?;
        let trailer = body.trailers().and_then(|trailers| trailers.get("grpc-status").cloned());
        let code = head.or(trailer);
        Ok(match (status.as_u16(), is_grpc, code) {
            (200, false, _) => Answer::Accepted,
            (200, true, Some(code)) if code == "0" => Answer::Accepted,
            (200, true, code) => Answer::Refused(format!("grpc-status {code:?}")),
            (status, ..) => Answer::Refused(status.to_string()),
        })
    }
}

/// One export request as a server gets it.
pub(crate) struct Call {
    pub(crate) protocol: Protocol,
    pub(crate) path: String,
    pub(crate) body: Incoming,
}

impl Call {
    /// Reads the message; a prefix is taken off.
    pub(crate) async fn message(self) -> Result<Bytes> {
        let mut message = self.body.collect().await?.to_bytes();
        if self.protocol == Protocol::Grpc {
            anyhow::ensure!(message.len() >= PREFIX, "a gRPC message has a prefix");
            drop(message.split_to(PREFIX));
        }
        Ok(message)
    }
}

/// What a server answers.
pub(crate) enum Reply {
    Accepted(Protocol),
    /// An HTTP status, or for gRPC UNAVAILABLE whatever it is.
    Refused(Protocol, u16),
    Text(String),
}

impl Reply {
    fn response(self) -> Response<Chunks> {
        match self {
            Self::Accepted(Protocol::Http) => Response::new(Chunks::text(String::new())),
            Self::Accepted(Protocol::Grpc) => grpc(Chunks::grpc_status("0")),
            Self::Refused(Protocol::Grpc, _) => grpc(Chunks::grpc_status("14")),
            Self::Refused(Protocol::Http, status) => {
                let mut response = Response::new(Chunks::text(String::new()));
                *response.status_mut() = status.try_into().unwrap_or_default();
                response
            }
            Self::Text(text) => Response::new(Chunks::text(text)),
        }
    }
}

fn grpc(body: Chunks) -> Response<Chunks> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// Serves both protocols on one address for ever.
pub(crate) async fn serve<F, R>(address: &str, answer: F) -> Result<()>
where
    F: Fn(Call) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Reply> + Send,
{
    let listener = TcpListener::bind(address).await.with_context(|| format!("at {address}"))?;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                stream.set_nodelay(true)?;
                let answer = answer.clone();
                connections.spawn(async move { serve_connection(stream, answer).await });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection<F, R>(stream: TcpStream, answer: F)
where
    F: Fn(Call) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Reply> + Send,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer.clone();
        async move {
            let media_type = request.headers().get(CONTENT_TYPE);
            let is_grpc =
                media_type.is_some_and(|it| it.as_bytes().starts_with(b"application/grpc"));
            let protocol = if is_grpc { Protocol::Grpc } else { Protocol::Http };
            let path = request.uri().path().to_owned();
            let call = Call { protocol, path, body: request.into_body() };
            Ok::<_, Infallible>(answer(call).await.response())
        }
    });
    let mut server = Builder::new(TokioExecutor::new());
    server.http2().initial_stream_window_size(8 << 20).initial_connection_window_size(32 << 20);
    // A peer that goes away ends its connection, nothing else.
    drop(server.serve_connection(TokioIo::new(stream), service).await);
}
