//! OTLP over HTTP: protobuf and JSON.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use component::{ClientMetadata, Signal, Telemetry, chain};
use hyper::body::Incoming;
use net::body::{self, Chunks, ReadError};
use net::compression::DecompressError;
use net::http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use net::http::request::Parts;
use net::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use net::settings::{self, Encoding};
use net::status::{Status, code};

use tokio::time::timeout;

use crate::config::HttpConfig;
use crate::cors::Cors;
use crate::door::Metered;
use crate::intake::Intake;
use crate::metadata;

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain");
/// How much of a refused request's body is read, so that its client comes to read the answer and can go on using the
/// connection. Go's number.
const DISCARDED: usize = 256 << 10;

/// Answers HTTP requests.
#[derive(Clone)]
pub(crate) struct Service {
    shared: Arc<Shared>,
}

struct Shared {
    intake: Intake,
    paths: [(Signal, String); 3],
    limit: usize,
    encodings: Vec<Encoding>,
    headers: HeaderMap,
    cors: Option<Cors>,
    includes_metadata: bool,
    read_limit: Option<Duration>,
}

/// How a request and its answer are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Protobuf,
    Json,
}

impl Format {
    /// The format of a media type, whatever its parameters and case.
    fn of(media_type: &HeaderValue) -> Option<Self> {
        let name = media_type.to_str().ok()?.split(';').next()?.trim();
        if name.eq_ignore_ascii_case("application/x-protobuf") {
            Some(Self::Protobuf)
        } else if name.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else {
            None
        }
    }

    fn success(self) -> Response<Chunks> {
        match self {
            // An empty partial success: everything was taken.
            Self::Protobuf => response(StatusCode::OK, PROTOBUF, Bytes::from_static(&[0x0a, 0x00])),
            Self::Json => {
                response(StatusCode::OK, JSON, Bytes::from_static(b"{\"partialSuccess\":{}}"))
            }
        }
    }

    fn failure(self, http: StatusCode, status: &Status) -> Response<Chunks> {
        let mut response = match self {
            Self::Protobuf => response(http, PROTOBUF, status.encode().into()),
            Self::Json => response(http, JSON, status.to_json().into()),
        };
        let waits = matches!(http, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        if let Some(delay) = status.retry_delay.filter(|_| waits) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(delay.as_secs()));
        }
        response
    }
}

impl Service {
    pub(crate) fn new(intake: Intake, config: &HttpConfig) -> Self {
        let paths = [
            (Signal::Traces, HttpConfig::path(&config.traces_url_path)),
            (Signal::Metrics, HttpConfig::path(&config.metrics_url_path)),
            (Signal::Logs, HttpConfig::path(&config.logs_url_path)),
        ];
        let shared = Shared {
            intake,
            paths,
            limit: config.server.body_limit(),
            encodings: config.server.compression_algorithms.clone(),
            headers: settings::header_map(&config.server.response_headers),
            cors: config.server.cors.get().and_then(Cors::new),
            includes_metadata: config.server.include_metadata,
            read_limit: config.server.read_limit(),
        };
        Self { shared: Arc::new(shared) }
    }
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Chunks>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let (head, mut body) = request.into_parts();
            let mut response = match shared.cors.as_ref().and_then(|cors| cors.preflight(&head)) {
                Some(response) => response,
                None => shared.answer(&head, &mut body).await,
            };
            if shared.within_limit(body::discard(body, DISCARDED)).await.is_none() {
                // The rest of the body is in the way of another request.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            if let Some(cors) = &shared.cors
                && head.method != Method::OPTIONS
            {
                cors.let_read(&head.headers, response.headers_mut());
            }
            for (name, value) in &shared.headers {
                response.headers_mut().insert(name, value.clone());
            }
            Ok(response)
        })
    }
}

impl Shared {
    /// The order of the checks is upstream's: encoding, path, method, media type, body.
    async fn answer(&self, head: &Parts, body: &mut Incoming) -> Response<Chunks> {
        let media_type = head.headers.get(CONTENT_TYPE);
        let encoding = match self.encoding(&head.headers) {
            Ok(encoding) => encoding,
            Err(status) => return early_failure(media_type, &status),
        };
        let signal = self.paths.iter().find(|(_, path)| path == head.uri.path());
        let signal = signal.map(|(signal, _)| *signal).filter(|signal| self.intake.takes(*signal));
        let Some(signal) = signal else {
            return text(StatusCode::NOT_FOUND, "404 page not found");
        };
        if head.method != Method::POST {
            let message = "405 method not allowed, supported: [POST]";
            return text(StatusCode::METHOD_NOT_ALLOWED, message);
        }
        let Some(format) = media_type.and_then(Format::of) else {
            let message =
                "415 unsupported media type, supported: [application/json, application/x-protobuf]";
            return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
        };
        let mut body = match self.intake.enter(body).await {
            Ok(body) => body,
            Err(status) => return format.failure(status.http(), &status),
        };
        let read = self.read(&mut body, encoding).await;
        let mut share = match body.finish() {
            Ok(share) => share,
            Err(status) => return format.failure(status.http(), &status),
        };
        let telemetry = read.and_then(|body| {
            share.resize(body.len());
            decode(signal, format, body)
        });
        let said = match self.includes_metadata {
            true => metadata::of(head),
            false => ClientMetadata::none(),
        };
        match telemetry {
            Ok(telemetry) => match self.intake.take(telemetry, said, share).await {
                Ok(()) => format.success(),
                Err(status) => format.failure(status.http(), &status),
            },
            Err(status) => format.failure(StatusCode::BAD_REQUEST, &status),
        }
    }

    /// How the body is compressed, if it may be so.
    fn encoding(&self, headers: &HeaderMap) -> Result<Encoding, Status> {
        let name = headers.get(CONTENT_ENCODING).map_or(&b""[..], HeaderValue::as_bytes);
        if self.encodings.is_empty() {
            return Ok(Encoding::Identity);
        }
        let encoding = Encoding::of(name);
        encoding.filter(|encoding| self.encodings.contains(encoding)).ok_or_else(|| {
            let name = String::from_utf8_lossy(name);
            invalid(format!("unsupported Content-Encoding: {name}"))
        })
    }

    /// The outcome, unless it comes too late.
    async fn within_limit<T>(&self, reading: impl Future<Output = T>) -> Option<T> {
        match self.read_limit {
            Some(limit) => timeout(limit, reading).await.ok(),
            None => Some(reading.await),
        }
    }

    /// The body, decompressed. The limit holds for what comes in and again for what comes out.
    async fn read(
        &self,
        body: &mut Metered<&mut Incoming>,
        encoding: Encoding,
    ) -> Result<Bytes, Status> {
        let read = self.within_limit(body::read(body, self.limit)).await;
        let read = read.ok_or_else(|| invalid("the request took longer than read_timeout"))?;
        let body = read.map_err(|error| match error {
            ReadError::TooLarge { .. } => invalid("http: request body too large"),
            ReadError::Broken(_) => invalid("unexpected end of the request body"),
        })?;
        let Some(algorithm) = encoding.algorithm() else { return Ok(body) };
        algorithm.decompress(&body, self.limit).map_err(|error| match error {
            DecompressError::TooLarge { .. } => invalid("http: request body too large"),
            other => invalid(other.to_string()),
        })
    }
}

fn decode(signal: Signal, format: Format, body: Bytes) -> Result<Telemetry, Status> {
    match format {
        Format::Protobuf => {
            Telemetry::from_otlp(signal, body).map_err(|error| invalid(chain(&error)))
        }
        Format::Json => Telemetry::from_json(signal, &body).map_err(|error| invalid(chain(&error))),
    }
}

fn invalid(message: impl Into<String>) -> Status {
    Status::new(code::INVALID_ARGUMENT, message)
}

/// A refusal from before the media type was looked at: JSON when there is none, and no way to answer one that is unknown.
fn early_failure(media_type: Option<&HeaderValue>, status: &Status) -> Response<Chunks> {
    match media_type.map_or(Some(Format::Json), Format::of) {
        Some(format) => format.failure(StatusCode::BAD_REQUEST, status),
        None => {
            let message = r#"{"code": 13, "message": "failed to marshal error message"}"#;
            response(
                StatusCode::INTERNAL_SERVER_ERROR,
                JSON,
                Bytes::from_static(message.as_bytes()),
            )
        }
    }
}

fn text(status: StatusCode, message: &'static str) -> Response<Chunks> {
    response(status, TEXT, Bytes::from_static(message.as_bytes()))
}

fn response(status: StatusCode, media_type: HeaderValue, body: Bytes) -> Response<Chunks> {
    let mut response = Response::new(Chunks::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}
