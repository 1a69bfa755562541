//! A reader that sends.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use component::{BuildInfo, CancellationToken, Signal, StartError, chain};
use net::body::Chunks;
use net::compression::Algorithm;
use net::http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use net::http::{HeaderMap, HeaderValue, Method, Request, Uri};
use net::settings::header_map;
use net::tls::ClientTls;
use net::{ClientOptions, Dialer, GrpcClient, GrpcOptions, HttpClient};
use pdata::Telemetry;
use tokio::time::{self, Instant, MissedTickBehavior, timeout};
use tracing::{info, warn};

use super::{Source, otlp};
use crate::config::{OtlpExporter, ReportCompression};

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
/// How much of an answer is read.
const ANSWER: usize = 64 << 10;
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(90);

/// How long the last report may take.
const LAST: Duration = Duration::from_secs(5);

/// Sends everything at intervals, and once more at the end.
pub(crate) struct PushReader {
    pub(crate) source: Source,
    pub(crate) destination: Destination,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
}

/// Where reports go.
pub(crate) enum Destination {
    Http { client: Box<HttpClient>, url: Uri, headers: HeaderMap, gzip: bool, timeout: Duration },
    Grpc { client: GrpcClient, method: &'static str, timeout: Duration },
    Console,
}

impl PushReader {
    /// Reports until `stop`. A report that fails is passed over: sums go on, and the next one has them.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut ticks = time::interval_at(Instant::now() + self.interval, self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let Some(answer) = stop.run_until_cancelled(self.report()).await else { break };
            match (answer, failing) {
                (Ok(()), true) => info!("the agent's own metrics arrive again"),
                (Err(error), false) => warn!(error, "the agent's own metrics do not arrive"),
                (Ok(()), false) | (Err(_), true) => continue,
            }
            failing = !failing;
        }
        // Whoever waits for the agent's end does not wait long for this.
        drop(timeout(LAST, self.report()).await);
    }

    async fn report(&self) -> Result<(), String> {
        let metrics = otlp::metrics(&self.source.collect(), self.source.start());
        match timeout(self.timeout, self.destination.send(metrics.into())).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {:?}", self.timeout)),
        }
    }
}

impl Destination {
    /// A client of an OTLP endpoint.
    ///
    /// # Errors
    ///
    /// A file that TLS needs cannot be read.
    pub(crate) fn otlp(
        config: &OtlpExporter,
        signal: Signal,
        build: &BuildInfo,
    ) -> Result<Self, StartError> {
        let failed = |error| StartError::caused_by(format!("{signal}: otlp"), error);
        let settings = config.client();
        let protocols: &[&str] = if config.is_grpc() { &["h2"] } else { &["h2", "http/1.1"] };
        let tls = ClientTls::load(&settings.tls, protocols).map_err(failed)?;
        let url = config.url(signal).map_err(StartError::new)?;
        let mut headers = HeaderMap::new();
        if let Ok(agent) = HeaderValue::try_from(build.user_agent()) {
            headers.insert(USER_AGENT, agent);
        }
        let gzip = config.compression == ReportCompression::Gzip;
        let timeout = config.timeout();
        if config.is_grpc() {
            headers.extend(header_map(&settings.headers));
            let parts = url.into_parts();
            let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
                return Err(StartError::new("endpoint: must be an http or https URL with a host"));
            };
            let compression = gzip.then_some(Algorithm::Gzip);
            let options =
                GrpcOptions { headers, compression, ..GrpcOptions::new(&scheme, authority) };
            let client = GrpcClient::new(Dialer::new(tls), options);
            return Ok(Self::Grpc { client, method: method(signal), timeout });
        }
        headers.insert(CONTENT_TYPE, PROTOBUF);
        if gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.extend(header_map(&settings.headers));
        let options = ClientOptions {
            response_limit: ANSWER,
            idle_timeout: Some(IDLE),
            idle_connections_per_host: 1,
            ..ClientOptions::default()
        };
        let client = Box::new(HttpClient::new(Dialer::new(tls), options));
        Ok(Self::Http { client, url, headers, gzip, timeout })
    }

    /// Sends one report.
    ///
    /// # Errors
    ///
    /// Why it did not arrive.
    pub(crate) async fn send(&self, telemetry: Telemetry) -> Result<(), String> {
        let late = |limit: &Duration| format!("no answer within {limit:?}");
        match self {
            Self::Http { client, url, headers, gzip, timeout: limit } => {
                let chunks: Vec<Bytes> = telemetry.to_otlp().collect();
                let body = match gzip {
                    true => Chunks::from(Algorithm::Gzip.compress(None, &chunks)),
                    false => chunks.into_iter().collect(),
                };
                let mut request = Request::new(body);
                *request.method_mut() = Method::POST;
                *request.uri_mut() = url.clone();
                *request.headers_mut() = headers.clone();
                let answer = timeout(*limit, client.send_and_cut(request)).await;
                let answer = answer.map_err(|_| late(limit))?;
                let answer = answer.map_err(|error| chain(&error))?;
                match answer.status().is_success() {
                    true => Ok(()),
                    false => Err(format!("{url} answered with {}", answer.status())),
                }
            }
            Self::Grpc { client, method, timeout: limit } => {
                let answer = timeout(*limit, client.call(method, telemetry.to_otlp())).await;
                let answer = answer.map_err(|_| late(limit))?;
                answer.map(drop).map_err(|error| chain(&error))
            }
            Self::Console => print(&telemetry.to_json()).map_err(|error| error.to_string()),
        }
    }
}

/// The method that takes a signal.
fn method(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    }
}

fn print(json: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(json)?;
    out.write_all(b"\n")
}
