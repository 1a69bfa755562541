//! What users write under `service::telemetry`, with upstream's names.

mod logs;
mod metrics;
mod otlp;
mod readers;
mod resource;
mod traces;

use config::{Section, Validate};

pub use logs::{Encoding, LogLevel, LogsConfig, OutputPath, Sampling};
pub use metrics::{Level, MetricsConfig};
pub use otlp::{
    HeadersList, HistogramAggregation, OtlpExporter, Protocol, ReportCompression,
    TemporalityPreference,
};
pub use readers::{
    ConsoleExporter, Periodic, PeriodicExporter, Prometheus, Pull, PullExporter, Reader,
    ResourceLabels,
};
pub use resource::{Attribute, ResourceConfig};
pub use traces::{
    BatchProcessor, Nothing, ParentBased, Ratio, Sampler, SimpleProcessor, SpanProcessor,
    TracesConfig, TracesLevel,
};

/// The section `service::telemetry`.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct Config {
    /// The agent's own log.
    pub logs: LogsConfig,
    /// The agent's own metrics.
    pub metrics: MetricsConfig,
    /// The agent's own traces.
    pub traces: TracesConfig,
    /// Who the agent is: attributes of the resource that its own telemetry comes from.
    pub resource: ResourceConfig,
}

impl Validate for Config {}

#[cfg(test)]
mod tests;
