//! One call to the backend, and what its answer means.

use std::sync::OnceLock;

use async_trait::async_trait;
use component::{Code, ComponentId, ConsumeError, Settings, Signal, StartError, Telemetry};
use exporter_helper::{Push, PushError};
use net::http::header::USER_AGENT;
use net::http::{HeaderMap, HeaderValue};
use net::settings::header_map;
use net::status::{Status, code};
use net::tls::ClientTls;
use net::{CallError, Dialer, GrpcClient};
use pdata::PartialSuccess;
use tracing::warn;

use crate::config::Config;

/// Calls the backend.
pub(crate) struct Transport {
    config: Config,
    id: ComponentId,
    user_agent: String,
    /// Set when the files that TLS needs were read.
    client: OnceLock<GrpcClient>,
}

impl Transport {
    pub(crate) fn new(config: Config, settings: &Settings) -> Self {
        let user_agent = settings.build.user_agent();
        Self { config, id: settings.id.clone(), user_agent, client: OnceLock::new() }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = header_map(&self.config.client.headers);
        if let Ok(agent) = HeaderValue::try_from(&self.user_agent) {
            headers.entry(USER_AGENT).or_insert(agent);
        }
        headers
    }
}

fn method(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    }
}

#[async_trait]
impl Push for Transport {
    async fn acquire(&self) -> Result<(), StartError> {
        let tls = ClientTls::load(&self.config.client.tls, &["h2"])
            .map_err(|error| StartError::caused_by("tls", error))?;
        let (scheme, authority) = self.config.target().map_err(StartError::new)?;
        let compression = self.config.algorithm();
        self.client.get_or_init(|| {
            GrpcClient::new(Dialer::new(tls), scheme, authority, self.headers(), compression)
        });
        Ok(())
    }

    async fn push(&self, telemetry: &Telemetry) -> Result<(), PushError> {
        let signal = telemetry.signal();
        let client = self.client.get().expect("acquired before the first request");
        let answer = client.call(method(signal), telemetry.to_otlp()).await;
        let answer = answer.map_err(refusal)?;
        let partial = PartialSuccess::from_otlp(&answer).unwrap_or_default();
        if !partial.is_full() {
            let PartialSuccess { rejected, message } = partial;
            warn!(exporter = %self.id, %signal, rejected, message, "Partial success response");
        }
        Ok(())
    }
}

/// What a failed call means for the sender. The table is upstream's; a backend that has run out of something gets the data
/// again only if it says when.
fn refusal(error: CallError) -> ConsumeError {
    let status = match error {
        CallError::Status(status) => status,
        unreachable @ CallError::Unreachable { .. } => {
            let error = ConsumeError::retryable("cannot export").with_cause(unreachable);
            return error.with_code(Code::Unavailable);
        }
    };
    let Status { code: number, message, retry_delay } = status;
    let retryable = match number {
        code::CANCELLED
        | code::DEADLINE_EXCEEDED
        | code::ABORTED
        | code::OUT_OF_RANGE
        | code::UNAVAILABLE
        | code::DATA_LOSS => true,
        code::RESOURCE_EXHAUSTED => retry_delay.is_some(),
        _ => false,
    };
    // What servers of grpc-go and others say of a message that is longer than they take.
    let is_too_large = number == code::RESOURCE_EXHAUSTED && message.contains("larger than max");
    let error = match retryable {
        true => ConsumeError::retryable(message),
        false => ConsumeError::permanent(message),
    };
    let error = error.with_code(Code::from_number(number));
    let error = if is_too_large { error.because_too_large() } else { error };
    match retry_delay {
        Some(delay) => error.with_retry_after(delay),
        None => error,
    }
}
