//! One request to the backend, and what its answer means.

use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use component::{Code, ComponentId, ConsumeError, Settings, Signal, StartError, Telemetry};
use exporter_helper::{Push, PushError};
use net::body::Chunks;
use net::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use net::http::{HeaderMap, HeaderValue, Method, Request, Response};
use net::settings::header_map;
use net::status::{Status, parse_retry_after};
use net::tls::ClientTls;
use net::{ClientOptions, Dialer, HttpClient};
use pdata::PartialSuccess;
use tracing::warn;

use crate::config::{Config, Encoding};

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// How much of an answer is read.
const ANSWER: usize = 64 * 1024;
/// How many idle connections to a host are kept when the configuration leaves it open. Go's number.
const IDLE_CONNECTIONS: usize = 2;

/// Sends requests.
pub(crate) struct Transport {
    config: Config,
    id: ComponentId,
    headers: HeaderMap,
    /// Set when the files that TLS needs were read.
    client: OnceLock<HttpClient>,
}

impl Transport {
    pub(crate) fn new(config: Config, settings: &Settings) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, media_type(config.encoding));
        if let Ok(agent) = HeaderValue::try_from(settings.build.user_agent()) {
            headers.insert(USER_AGENT, agent);
        }
        let encoding = config.compression.encoding();
        if encoding.algorithm().is_some() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
        }
        // What users set wins over all of these, as upstream.
        headers.extend(header_map(&config.client.headers));
        Self { config, id: settings.id.clone(), headers, client: OnceLock::new() }
    }

    fn body(&self, telemetry: &Telemetry) -> Chunks {
        let chunks: Vec<Bytes> = match self.config.encoding {
            Encoding::Proto => telemetry.to_otlp().collect(),
            Encoding::Json => vec![telemetry.to_json()],
        };
        match self.config.compression.encoding().algorithm() {
            Some(algorithm) => Chunks::from(algorithm.compress(self.config.level(), &chunks)),
            None => chunks.into_iter().collect(),
        }
    }

    /// Tells of what the backend took only in part. It counts as taken, as OTLP demands.
    fn accept(&self, signal: Signal, answer: &Response<Bytes>) -> Result<(), PushError> {
        let media_type = answer.headers().get(CONTENT_TYPE);
        let partial = if answer.body().is_empty() {
            return Ok(());
        } else if media_type == Some(&PROTOBUF) {
            PartialSuccess::from_otlp(answer.body())
        } else if media_type == Some(&JSON) {
            PartialSuccess::from_json(signal, answer.body())
        } else {
            return Ok(());
        };
        let Some(partial) = partial else {
            return Err(PushError::permanent(
                "the backend took the request and its answer is unreadable",
            ));
        };
        if !partial.is_full() {
            let PartialSuccess { rejected, message } = partial;
            warn!(exporter = %self.id, %signal, rejected, message, "Partial success response");
        }
        Ok(())
    }
}

fn media_type(encoding: Encoding) -> HeaderValue {
    match encoding {
        Encoding::Proto => PROTOBUF,
        Encoding::Json => JSON,
    }
}

#[async_trait]
impl Push for Transport {
    async fn acquire(&self) -> Result<(), StartError> {
        let tls = ClientTls::load(&self.config.client.tls, &["h2", "http/1.1"])
            .map_err(|error| StartError::caused_by("tls", error))?;
        let idle = self.config.max_idle_conns_per_host;
        let options = ClientOptions {
            // The time-out around each attempt covers the whole exchange.
            timeout: None,
            response_limit: ANSWER,
            idle_timeout: Some(self.config.idle_conn_timeout).filter(|limit| !limit.is_zero()),
            idle_connections_per_host: if idle == 0 { IDLE_CONNECTIONS } else { idle },
        };
        self.client.get_or_init(|| HttpClient::new(Dialer::new(tls), options));
        Ok(())
    }

    async fn push(&self, telemetry: &Telemetry) -> Result<(), PushError> {
        let signal = telemetry.signal();
        let url = self.config.url(signal).expect("checked when the exporter was created");
        let client = self.client.get().expect("acquired before the first request");
        let mut request = Request::new(self.body(telemetry));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url.parse().expect("checked with the configuration");
        *request.headers_mut() = self.headers.clone();
        let answer = client.send_and_cut(request).await.map_err(|error| {
            let error =
                ConsumeError::retryable(format!("request to {url} failed")).with_cause(error);
            PushError::from(error.with_code(Code::Unavailable))
        })?;
        if answer.status().is_success() {
            return self.accept(signal, &answer);
        }
        Err(refusal(&url, &answer).into())
    }
}

/// What a status that is no success means for the sender. The table is upstream's.
fn refusal(url: &str, answer: &Response<Bytes>) -> ConsumeError {
    let status = answer.status();
    let mut message = format!(
        "error exporting items, request to {url} responded with HTTP Status Code {}",
        status.as_u16()
    );
    // An error's body is a Status in protobuf; anything else may be a page of HTML.
    let is_protobuf = answer.headers().get(CONTENT_TYPE) == Some(&PROTOBUF);
    let text = String::from_utf8_lossy(answer.body());
    let is_too_large = match status.as_u16() {
        413 => true,
        400 => text.contains("request body too large"),
        _ => false,
    };
    let body = Some(answer.body()).filter(|body| is_protobuf && !body.is_empty());
    if let Some(body) = body.and_then(|body| Status::decode(body)) {
        message.push_str(&format!(", Message={}", body.message));
    }
    let error = match status.as_u16() {
        429 | 502 | 503 | 504 => ConsumeError::retryable(message),
        _ => ConsumeError::permanent(message),
    };
    let error = error.with_code(Code::from_number(Status::code_of_http(status)));
    let error = if is_too_large { error.because_too_large() } else { error };
    match retry_after(answer) {
        Some(delay) => error.with_retry_after(delay),
        None => error,
    }
}

fn retry_after(answer: &Response<Bytes>) -> Option<Duration> {
    if !matches!(answer.status().as_u16(), 429 | 503) {
        return None;
    }
    parse_retry_after(answer.headers().get(RETRY_AFTER)?.to_str().ok()?)
}
