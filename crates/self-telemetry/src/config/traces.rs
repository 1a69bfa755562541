//! `service::telemetry::traces`.

use std::time::Duration;

use config::{Node, Problems, Section, Validate};

use super::otlp::{OtlpExporter, TemporalityPreference};
use super::readers::{PeriodicExporter, milliseconds};

/// The agent's own traces: what receivers take in and exporters send. Without processors there are none, as upstream.
#[derive(Clone, Debug, Default, PartialEq, Section)]
#[section(not_supported("limits"))]
pub struct TracesConfig {
    /// `none` turns tracing off, whatever else is set.
    pub level: TracesLevel,
    /// Where spans go. Default: nowhere.
    pub processors: Vec<SpanProcessor>,
    /// How the context of a trace travels: `tracecontext`, `b3`. The agent takes none from clients and gives none to backends,
    /// so it has no effect.
    pub propagators: Vec<String>,
    /// Which traces are kept: `always_on`, `always_off`, or a part of them. Default: all.
    pub sampler: Option<Sampler>,
}

/// How much is traced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Section)]
#[section(ignore_case)]
pub enum TracesLevel {
    /// Nothing.
    None,
    /// What the processors get.
    #[default]
    Basic,
    /// The same.
    Normal,
    /// The same.
    Detailed,
}

/// How spans get where they go: exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct SpanProcessor {
    /// Many at a time.
    pub batch: Option<BatchProcessor>,
    /// Each at once.
    pub simple: Option<SimpleProcessor>,
}

/// Sends spans many at a time.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct BatchProcessor {
    /// Milliseconds between two reports. Default: `5000`.
    pub schedule_delay: i64,
    /// Milliseconds that a report may take. Default: `30000`.
    pub export_timeout: i64,
    /// How many spans may wait; more are dropped. Default: `2048`.
    pub max_queue_size: usize,
    /// How many spans go at once. Default: `512`.
    pub max_export_batch_size: usize,
    /// Where they go.
    pub exporter: PeriodicExporter,
}

/// Sends each span at once.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct SimpleProcessor {
    /// Where they go.
    pub exporter: PeriodicExporter,
}

/// Which traces are kept: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Section)]
#[section(not_supported("jaeger_remote"))]
pub struct Sampler {
    /// All.
    pub always_on: Option<Nothing>,
    /// None.
    pub always_off: Option<Nothing>,
    /// A part of them.
    pub trace_id_ratio_based: Option<Ratio>,
    /// What `root` says. The agent's traces begin here, so nothing else is asked.
    pub parent_based: Option<ParentBased>,
}

/// A section without options.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct Nothing {}

/// A part of all traces.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct Ratio {
    /// From `0` to `1`. Required.
    pub ratio: Option<f64>,
}

/// A sampler for traces that begin here.
#[derive(Clone, Debug, Default, PartialEq, Section)]
#[section(not_supported(
    "remote_parent_sampled",
    "remote_parent_not_sampled",
    "local_parent_sampled",
    "local_parent_not_sampled"
))]
pub struct ParentBased {
    /// `always_on`, `always_off` or `trace_id_ratio_based`, written as a sampler. Default: all.
    pub root: Option<Node>,
}

impl Default for BatchProcessor {
    fn default() -> Self {
        Self {
            schedule_delay: 5_000,
            export_timeout: 30_000,
            max_queue_size: 2_048,
            max_export_batch_size: 512,
            exporter: PeriodicExporter::default(),
        }
    }
}

impl BatchProcessor {
    /// The processor that sends each span at once, as one of these.
    pub(crate) fn simple(config: &SimpleProcessor) -> Self {
        Self { max_export_batch_size: 1, exporter: config.exporter.clone(), ..Self::default() }
    }

    pub(crate) fn delay(&self) -> Duration {
        milliseconds(self.schedule_delay)
    }

    pub(crate) fn timeout(&self) -> Duration {
        milliseconds(self.export_timeout)
    }
}

impl Sampler {
    /// Which part of all traces is kept, or what is wrong.
    pub(crate) fn ratio(&self) -> Result<f64, &'static str> {
        let root = match &self.parent_based {
            Some(ParentBased { root: None }) => Some(Ok(1.0)),
            Some(ParentBased { root: Some(node) }) => {
                let mut problems = Problems::new();
                let sampler = <Self as config::Value>::read(node, &mut problems);
                let sampler = sampler.filter(|it| problems.is_empty() && it.parent_based.is_none());
                Some(sampler.ok_or("parent_based::root is no sampler").and_then(|it| it.ratio()))
            }
            None => None,
        };
        let ratio = self.trace_id_ratio_based.as_ref().map(|config| match config.ratio {
            Some(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
            _ => Err("ratio must be from 0 to 1"),
        });
        let answers = [
            self.always_on.as_ref().map(|_| Ok(1.0)),
            self.always_off.as_ref().map(|_| Ok(0.0)),
            ratio,
            root,
        ];
        let mut answers = answers.into_iter().flatten();
        match (answers.next(), answers.next()) {
            (Some(answer), None) => answer,
            _ => Err(
                "a sampler must name exactly one of always_on, always_off, trace_id_ratio_based, parent_based",
            ),
        }
    }
}

impl TracesConfig {
    /// The processors, unless nothing is traced.
    pub(crate) fn processors(&self) -> Vec<BatchProcessor> {
        if self.level == TracesLevel::None {
            return Vec::new();
        }
        let processors = self.processors.iter().filter_map(|processor| {
            let simple = processor.simple.as_ref().map(BatchProcessor::simple);
            processor.batch.clone().or(simple)
        });
        processors.collect()
    }

    /// Which part of all traces is kept.
    pub(crate) fn ratio(&self) -> f64 {
        self.sampler.as_ref().map_or(1.0, |sampler| sampler.ratio().unwrap_or(1.0))
    }
}

impl Validate for Nothing {}
impl Validate for Ratio {}
impl Validate for ParentBased {}

impl Validate for Sampler {
    fn validate(&self, problems: &mut Problems) {
        if let Err(message) = self.ratio() {
            problems.add("", message);
        }
    }
}

fn check_exporter(exporter: &PeriodicExporter, problems: &mut Problems) {
    let has_metrics_options = exporter.otlp.as_ref().is_some_and(|otlp: &OtlpExporter| {
        otlp.temporality_preference != TemporalityPreference::Cumulative
    });
    if has_metrics_options {
        problems.add("exporter::otlp::temporality_preference", "is for metrics alone");
    }
}

impl Validate for SimpleProcessor {
    fn validate(&self, problems: &mut Problems) {
        check_exporter(&self.exporter, problems);
    }
}

impl Validate for BatchProcessor {
    fn validate(&self, problems: &mut Problems) {
        for (field, value) in
            [("schedule_delay", self.schedule_delay), ("export_timeout", self.export_timeout)]
        {
            if value <= 0 {
                problems.add(field, "must be a positive number of milliseconds");
            }
        }
        if self.max_export_batch_size == 0 || self.max_export_batch_size > self.max_queue_size {
            problems.add("max_export_batch_size", "must be from 1 to max_queue_size");
        }
        check_exporter(&self.exporter, problems);
    }
}

impl Validate for SpanProcessor {
    fn validate(&self, problems: &mut Problems) {
        if self.batch.is_some() == self.simple.is_some() {
            problems.add("", "a processor must have either `batch` or `simple`");
        }
    }
}

impl Validate for TracesConfig {
    fn validate(&self, problems: &mut Problems) {
        for propagator in &self.propagators {
            if !["tracecontext", "b3"].contains(&propagator.as_str()) {
                problems.add("propagators", "unsupported trace propagator");
            }
        }
    }
}
