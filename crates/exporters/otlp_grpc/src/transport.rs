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
use net::{CallError, Dialer, GrpcClient, GrpcOptions, Seldom, without_brackets};
use pdata::PartialSuccess;
use tracing::warn;

use crate::config::{Config, Target};

/// Calls the backend.
pub(crate) struct Transport {
    config: Config,
    id: ComponentId,
    user_agent: String,
    /// Set when the files that TLS needs were read.
    client: OnceLock<GrpcClient>,
    /// For the warnings of partial successes.
    partial: Seldom,
}

impl Transport {
    pub(crate) fn new(config: Config, settings: &Settings) -> Self {
        let user_agent = match config.grpc.user_agent.as_str() {
            "" => settings.build.user_agent(),
            own => own.to_owned(),
        };
        Self {
            config,
            id: settings.id.clone(),
            user_agent,
            client: OnceLock::new(),
            partial: Seldom::default(),
        }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = header_map(&self.config.grpc.client.headers);
        if let Ok(agent) = HeaderValue::try_from(&self.user_agent) {
            headers.entry(USER_AGENT).or_insert(agent);
        }
        headers
    }

    fn options(&self, target: Target) -> GrpcOptions {
        let grpc = &self.config.grpc;
        let named = Some(&grpc.authority).filter(|name| !name.is_empty());
        let authority = named
            .map(|name| name.parse().expect("checked with the configuration"))
            .unwrap_or_else(|| target.authority());
        GrpcOptions {
            secured_for: target.is_secure.then(|| without_brackets(authority.host()).to_owned()),
            peer: target.peer,
            authority,
            headers: self.headers(),
            compression: grpc.algorithm(),
            balancer: grpc.balancer_name,
            waits_for_ready: grpc.wait_for_ready,
            keepalive: grpc.keepalive(),
            write_buffer: grpc.write_buffer(),
        }
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
        let grpc = &self.config.grpc;
        let tls = ClientTls::load(&grpc.client.tls, &["h2"])
            .map_err(|error| StartError::caused_by("tls", error))?;
        let target = self.config.target().map_err(StartError::new)?;
        let dialer = Dialer::new(tls).with_read_buffer(grpc.read_buffer_size);
        self.client.get_or_init(|| GrpcClient::new(dialer, self.options(target)));
        Ok(())
    }

    fn destination(&self, _signal: Signal) -> Vec<(&'static str, String)> {
        self.config.destination()
    }

    async fn push(&self, telemetry: &Telemetry) -> Result<(), PushError> {
        let signal = telemetry.signal();
        let client = self.client.get().expect("acquired before the first request");
        let answer = client.call(method(signal), telemetry.to_otlp()).await;
        let answer = answer.map_err(refusal)?;
        let partial = PartialSuccess::from_otlp(&answer).unwrap_or_default();
        if let Some(left_out) = (!partial.is_full()).then(|| self.partial.pass()).flatten() {
            let PartialSuccess { rejected, message } = partial;
            warn!(exporter = %self.id, %signal, rejected, message, left_out, "Partial success response");
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
    let is_too_large = is_about_size(number, &message);
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

/// Whether a status says that the message is longer than the server takes. gRPC has no code of its own for that.
fn is_about_size(number: u32, message: &str) -> bool {
    // What grpc-go and C++, tonic (with either code), and Java say.
    const TEXTS: [&str; 3] =
        ["larger than max", "message length too large", "exceeds maximum size"];
    let message = message.to_ascii_lowercase();
    matches!(number, code::RESOURCE_EXHAUSTED | code::OUT_OF_RANGE)
        && TEXTS.iter().any(|text| message.contains(text))
}
