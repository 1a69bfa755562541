//! One request to the backend, and what its answer means.

use std::sync::OnceLock;

use async_trait::async_trait;
use bytes::Bytes;
use component::{Code, ComponentId, ConsumeError, Settings, Signal, StartError, Telemetry};
use exporter_helper::{Push, PushError};
use net::body::Chunks;
use net::http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use net::http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use net::settings::header_map;
use net::{HttpClient, Seldom};
use pdata::PartialSuccess;
use tracing::warn;

use crate::answer::refusal;
use crate::config::{Config, Encoding};
use crate::redirect;

/// The media types of OTLP.
pub(crate) const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// How much of an answer is read.
const ANSWER: usize = 64 * 1024;

/// Sends requests.
pub(crate) struct Transport {
    config: Config,
    id: ComponentId,
    headers: HeaderMap,
    /// Set when the files that TLS needs were read.
    client: OnceLock<HttpClient>,
    /// For the warnings of partial successes.
    partial: Seldom,
}

impl Transport {
    pub(crate) fn new(config: Config, settings: &Settings) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, media_type(config.encoding));
        if let Ok(agent) = HeaderValue::try_from(settings.build.user_agent()) {
            headers.insert(USER_AGENT, agent);
        }
        let encoding = config.http.compression.encoding();
        if encoding.algorithm().is_some() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
        }
        // What users set wins over all of these, as upstream.
        headers.extend(header_map(&config.http.client.headers));
        Self {
            config,
            id: settings.id.clone(),
            headers,
            client: OnceLock::new(),
            partial: Seldom::default(),
        }
    }

    fn body(&self, telemetry: &Telemetry) -> Chunks {
        let chunks: Vec<Bytes> = match self.config.encoding {
            Encoding::Proto => telemetry.to_otlp().collect(),
            Encoding::Json => vec![telemetry.to_json()],
        };
        match self.config.http.compression.encoding().algorithm() {
            Some(algorithm) => Chunks::from(
                algorithm.compress(self.config.http.compression_params.level(), &chunks),
            ),
            None => chunks.into_iter().collect(),
        }
    }

    async fn send(
        &self,
        url: &str,
        headers: HeaderMap,
        telemetry: &Telemetry,
    ) -> Result<Response<Bytes>, ConsumeError> {
        let client = self.client.get().expect("acquired before the first request");
        let failed = || ConsumeError::retryable(format!("request to {url} failed"));
        let uri: Uri = url.parse().map_err(|error| failed().with_cause(error))?;
        let mut request = Request::new(self.body(telemetry));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        let answer = client.send_and_cut(request).await;
        answer.map_err(|error| failed().with_cause(error).with_code(Code::Unavailable))
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
        if let Some(left_out) = (!partial.is_full()).then(|| self.partial.pass()).flatten() {
            let PartialSuccess { rejected, message } = partial;
            warn!(exporter = %self.id, %signal, rejected, message, left_out, "Partial success response");
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
        // The time-out around each attempt covers the whole exchange.
        let client = self.config.http.client(self.config.hosts(), ANSWER);
        let client = client.map_err(|error| StartError::caused_by("tls", error))?;
        self.client.get_or_init(|| client);
        Ok(())
    }

    fn destination(&self, signal: Signal) -> Vec<(&'static str, String)> {
        self.config.destination(signal)
    }

    async fn push(&self, telemetry: &Telemetry) -> Result<(), PushError> {
        let signal = telemetry.signal();
        let first = self.config.url(signal).expect("checked when the exporter was created");
        let mut answer = self.send(&first, self.headers.clone(), telemetry).await?;
        let mut url = first.clone();
        for _ in 0..redirect::MOST {
            let Some(to) = redirect::target(&url, &answer) else { break };
            let headers = redirect::headers(&first, &to, self.headers.clone());
            answer = self.send(&to, headers, telemetry).await?;
            url = to;
        }
        match answer.status().is_success() {
            true => self.accept(signal, &answer),
            false => Err(refusal(&url, &answer).into()),
        }
    }
}
