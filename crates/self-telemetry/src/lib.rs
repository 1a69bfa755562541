//! The agent's own telemetry: what `service::telemetry` asks for.
//!
//! It is built like an extension, so the engine treats it like one: a configuration in which the section stays the same
//! leaves it alone, and one in which it changes touches nothing else. Its metrics observe tables of the process (the ledger,
//! the components' instruments, the memory account) through the OpenTelemetry SDK, so that numbers go on across changes.

pub mod config;
pub mod log;
mod metrics;
mod resource;
mod traces;

use std::sync::Arc;

use component::trace::{Sink, Tracer};
use component::{
    CancellationToken, ComponentType, CreateError, Extension, ExtensionFactory, Lifecycle,
    Settings, Signal, Stability, StartError, async_trait,
};
use net::Listeners;
use net::http::Uri;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::Temporality;
use tokio::task::JoinSet;
use tracing::Instrument;

pub use crate::config::Config;
use crate::config::{Level, OtlpExporter, Periodic, Reader, TemporalityPreference};
pub use crate::log::Log;
use crate::metrics::{Destination, Observed, PullReader, PushReader, Source};
use crate::traces::{SpanSender, Tracing};

/// Builds the agent's own telemetry.
#[derive(Debug, Default)]
pub struct Factory {
    log: Option<Log>,
}

impl Factory {
    /// Telemetry that leaves the program's log alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `logs` apply to this log.
    #[must_use]
    pub fn with_log(self, log: Log) -> Self {
        Self { log: Some(log) }
    }
}

/// This process's `service.instance.id`, whatever the configuration is.
struct Instance(String);

impl Default for Instance {
    fn default() -> Self {
        Self(resource::random_uuid())
    }
}

impl ExtensionFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("telemetry");
    const STABILITY: Stability = Stability::Beta;

    fn create(&self, config: Config, settings: Settings) -> Result<Extension, CreateError> {
        let reports = config.metrics.readers.iter().filter_map(otlp);
        let processors = config.traces.processors();
        let spans = processors.iter().filter_map(|processor| processor.exporter.otlp.as_ref());
        for otlp in reports.chain(spans) {
            let url = otlp.url(Signal::Metrics).unwrap_or_else(|_| Uri::default());
            let (scheme, host) = (url.scheme_str().unwrap_or(""), url.host().unwrap_or(""));
            let allow = settings.allow_insecure_endpoint;
            let answer = otlp.client().protect_key(scheme, host, allow);
            answer.map_err(|error| CreateError::new(format!("exporter::otlp: {error}")))?;
        }
        Ok(Extension::new(Telemetry {
            config,
            settings,
            log: self.log.clone(),
            pulls: Vec::new(),
            pushes: Vec::new(),
            spans: Vec::new(),
            sink: None,
            change: None,
        }))
    }
}

fn otlp(reader: &Reader) -> Option<&OtlpExporter> {
    reader.periodic.as_ref()?.exporter.otlp.as_ref()
}

struct Telemetry {
    config: Config,
    settings: Settings,
    log: Option<Log>,
    pulls: Vec<PullReader>,
    pushes: Vec<PushReader>,
    spans: Vec<SpanSender>,
    sink: Option<Arc<Sink>>,
    change: Option<log::Change>,
}

#[async_trait]
impl Lifecycle for Telemetry {
    async fn acquire(&mut self) -> Result<(), StartError> {
        self.change = self.log.as_ref().map(|log| log.prepare(&self.config.logs)).transpose()?;
        let periodic = self.readers().filter_map(|reader| reader.periodic.as_ref());
        self.pushes = periodic.map(|periodic| self.push(periodic)).collect::<Result<_, _>>()?;
        self.acquire_traces()?;
        let pulled = self.readers().filter_map(|reader| reader.pull.as_ref());
        let pulled = pulled.filter_map(|pull| pull.exporter.prometheus.clone());
        for config in pulled.collect::<Vec<_>>() {
            let source = self.source(Temporality::Cumulative);
            let listeners = self.settings.process.table::<Listeners>();
            let status = self.settings.status.clone();
            self.pulls.push(PullReader::new(config, source, listeners, status).await);
        }
        Ok(())
    }

    async fn run(mut self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        if let Some(change) = self.change.take() {
            change.apply();
        }
        let tracer = self.settings.process.table::<Tracer>();
        let tracing = self.sink.take().map(|sink| Tracing::begin(tracer, sink));
        let mut readers = JoinSet::new();
        for spans in std::mem::take(&mut self.spans) {
            readers.spawn(spans.run(stop.clone()).in_current_span());
        }
        for push in std::mem::take(&mut self.pushes) {
            readers.spawn(push.run(stop.clone()).in_current_span());
        }
        for pull in std::mem::take(&mut self.pulls) {
            readers.spawn(pull.run(stop.clone()).in_current_span());
        }
        if let Some(log) = self.log.clone() {
            let stop = stop.clone();
            readers.spawn(async move {
                stop.run_until_cancelled(log.expire()).await;
            });
        }
        let died = |error| StartError::caused_by("a reader of the metrics died", error);
        while let Some(Some(ended)) = stop.run_until_cancelled(readers.join_next()).await {
            ended.map_err(died)?;
        }
        stop.cancelled().await;
        drop(tracing);
        while let Some(ended) = readers.join_next().await {
            ended.map_err(died)?;
        }
        Ok(())
    }
}

impl Telemetry {
    /// The readers, unless nothing is measured.
    fn readers(&self) -> impl Iterator<Item = &Reader> + use<'_> {
        let metrics = &self.config.metrics;
        metrics.readers.iter().filter(|_| metrics.level != Level::None)
    }

    fn acquire_traces(&mut self) -> Result<(), StartError> {
        let traces = &self.config.traces;
        let mut queues = Vec::new();
        for processor in traces.processors() {
            let (sender, queue) =
                SpanSender::new(&processor, &self.resource(), &self.settings.build)?;
            self.spans.push(sender);
            queues.push(queue);
        }
        self.sink = (!queues.is_empty()).then(|| traces::sink(queues, traces.ratio()));
        Ok(())
    }

    fn resource(&self) -> Resource {
        let Settings { process, build, .. } = &self.settings;
        resource::resource(&self.config.resource, build, &process.table::<Instance>().0)
    }

    fn push(&self, config: &Periodic) -> Result<PushReader, StartError> {
        let (destination, temporality) = match &config.exporter.otlp {
            Some(otlp) => {
                let destination = Destination::otlp(otlp, Signal::Metrics, &self.settings.build)?;
                (destination, temporality(otlp.temporality_preference))
            }
            None => (Destination::Console, Temporality::Cumulative),
        };
        let source = self.source(temporality);
        let (interval, timeout) = (config.interval(), config.timeout());
        Ok(PushReader { source, destination, interval, timeout })
    }

    fn source(&self, temporality: Temporality) -> Source {
        let Settings { process, build, .. } = &self.settings;
        let resource = self.resource();
        let observed = Observed::of(process);
        Source::new(observed, self.config.metrics.level, temporality, resource, build)
    }
}

fn temporality(preference: TemporalityPreference) -> Temporality {
    match preference {
        TemporalityPreference::Cumulative => Temporality::Cumulative,
        TemporalityPreference::Delta => Temporality::Delta,
        TemporalityPreference::LowMemory => Temporality::LowMemory,
    }
}

#[cfg(test)]
mod tests;
