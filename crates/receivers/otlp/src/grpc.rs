//! OTLP over gRPC.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use component::{ClientMetadata, Signal, Telemetry, chain};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use net::grpc;
use net::http::header::CONTENT_TYPE;
use net::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use net::settings::GrpcServerConfig;
use net::status::{Status, code};

use crate::intake::Intake;
use crate::metadata;

/// An `Export…ServiceResponse` with an empty partial success: everything was taken.
const SUCCESS: &[u8] = &[0x0a, 0x00];

/// Answers gRPC requests.
#[derive(Clone)]
pub(crate) struct Service {
    intake: Intake,
    limit: usize,
    includes_metadata: bool,
}

impl Service {
    pub(crate) fn new(intake: Intake, config: &GrpcServerConfig) -> Self {
        Self { intake, limit: config.message_limit(), includes_metadata: config.include_metadata }
    }

    async fn answer(self, request: Request<Incoming>) -> Response<Reply> {
        let is_grpc = request.headers().get(CONTENT_TYPE).is_some_and(|media_type| {
            media_type.as_bytes().starts_with(grpc::CONTENT_TYPE.as_bytes())
        });
        if request.method() != Method::POST || !is_grpc {
            let mut refusal = Response::new(Reply::default());
            *refusal.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return refusal;
        }
        match self.take(request).await {
            Ok(()) => success(),
            Err(status) => failure(&status),
        }
    }

    async fn take(self, request: Request<Incoming>) -> Result<(), Status> {
        let path = request.uri().path();
        let signal = signal(path).filter(|signal| self.intake.takes(*signal));
        let unknown = || Status::new(code::UNIMPLEMENTED, format!("unknown method {path}"));
        let signal = signal.ok_or_else(unknown)?;
        let (head, body) = request.into_parts();
        let encoding = head.headers.get(grpc::ENCODING);
        let mut body = self.intake.enter(body).await?;
        let message = grpc::read_message(&mut body, encoding, self.limit).await;
        let mut share = body.finish()?;
        let message = message?;
        share.resize(message.len());
        let telemetry = Telemetry::from_otlp(signal, message).map_err(|error| {
            Status::new(code::INTERNAL, format!("cannot read the request: {}", chain(&error)))
        })?;
        let said = match self.includes_metadata {
            true => metadata::of(&head),
            false => ClientMetadata::none(),
        };
        self.intake.take(telemetry, said, share).await
    }
}

/// The signal that a method exports.
fn signal(path: &str) -> Option<Signal> {
    match path {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Some(Signal::Traces),
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => Some(Signal::Metrics),
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Some(Signal::Logs),
        _ => None,
    }
}

fn success() -> Response<Reply> {
    let prefix = grpc::prefix(SUCCESS.len(), false).expect("two bytes are no long message");
    let mut trailers = HeaderMap::new();
    grpc::write_status(&Status::default(), &mut trailers);
    let frames =
        [Frame::data(prefix), Frame::data(Bytes::from_static(SUCCESS)), Frame::trailers(trailers)];
    reply(Reply { frames: frames.into() })
}

/// A status alone goes out as headers, without a body.
fn failure(status: &Status) -> Response<Reply> {
    let mut response = reply(Reply::default());
    grpc::write_status(status, response.headers_mut());
    response
}

fn reply(body: Reply) -> Response<Reply> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, grpc::CONTENT_TYPE);
    let accepted = HeaderValue::from_static(grpc::ACCEPTED);
    response.headers_mut().insert(grpc::ACCEPT_ENCODING, accepted);
    response
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Reply>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await) })
    }
}

/// A message and its trailers, or nothing.
#[derive(Default)]
pub(crate) struct Reply {
    frames: VecDeque<Frame<Bytes>>,
}

impl Body for Reply {
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
}
