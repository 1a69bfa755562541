//! Who reads the agent's own metrics.

use std::time::Duration;

use config::{Problems, Section, Validate};

use super::otlp::OtlpExporter;

/// Who reads the metrics: exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct Reader {
    /// Somebody comes and asks.
    pub pull: Option<Pull>,
    /// They are sent at intervals.
    pub periodic: Option<Periodic>,
}

impl Validate for Reader {
    fn validate(&self, problems: &mut Problems) {
        if self.pull.is_some() == self.periodic.is_some() {
            problems.add("", "a reader must have either `pull` or `periodic`");
        }
    }
}

/// A reader that is asked.
#[derive(Clone, Debug, Default, PartialEq, Section)]
#[section(not_supported("cardinality_limits", "producers"))]
pub struct Pull {
    /// How it is asked.
    pub exporter: PullExporter,
}

impl Validate for Pull {}

/// How a reader is asked.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct PullExporter {
    /// By Prometheus.
    pub prometheus: Option<Prometheus>,
}

impl Validate for PullExporter {
    fn validate(&self, problems: &mut Problems) {
        if self.prometheus.is_none() {
            problems.add("", "must name an exporter: `prometheus`");
        }
    }
}

/// A page for Prometheus: `/metrics`, and every other path too.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct Prometheus {
    /// The host to listen at. Required.
    pub host: Option<String>,
    /// The port to listen at. Required.
    pub port: Option<u16>,
    /// The resource's attributes that every series gets as labels. Default: none; they are in `target_info`.
    pub with_resource_constant_labels: Option<ResourceLabels>,
    /// Whether the labels `otel_scope_…` are left out. Default: `true`.
    pub without_scope_info: bool,
    /// Whether counters have no `_total` at the end of their names. Default: `true`.
    pub without_type_suffix: bool,
    /// Whether names have no unit at their ends. Default: `true`.
    pub without_units: bool,
}

impl Default for Prometheus {
    fn default() -> Self {
        Self {
            host: None,
            port: None,
            with_resource_constant_labels: None,
            without_scope_info: true,
            without_type_suffix: true,
            without_units: true,
        }
    }
}

impl Prometheus {
    /// Where to listen, `host:port`.
    pub(crate) fn endpoint(&self) -> String {
        let host = self.host.as_deref().unwrap_or_default();
        let port = self.port.unwrap_or_default();
        match host.contains(':') && !host.starts_with('[') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        }
    }
}

impl Validate for Prometheus {
    fn validate(&self, problems: &mut Problems) {
        if self.host.is_none() {
            problems.add("host", "host must be specified");
        }
        if self.port.is_none() {
            problems.add("port", "port must be specified");
        }
    }
}

/// Patterns of attribute names, with `*` and `?`.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct ResourceLabels {
    /// The attributes that become labels. Default: none.
    pub included: Vec<String>,
    /// Those of them that don't.
    pub excluded: Vec<String>,
}

impl Validate for ResourceLabels {}

/// A reader that sends.
#[derive(Clone, Debug, PartialEq, Section)]
#[section(not_supported("cardinality_limits", "producers"))]
pub struct Periodic {
    /// Milliseconds between two reports. Default: `60000`.
    pub interval: i64,
    /// Milliseconds that a report may take. Default: `30000`.
    pub timeout: i64,
    /// Where they go.
    pub exporter: PeriodicExporter,
}

impl Default for Periodic {
    fn default() -> Self {
        Self { interval: 60_000, timeout: 30_000, exporter: PeriodicExporter::default() }
    }
}

impl Periodic {
    pub(crate) fn interval(&self) -> Duration {
        milliseconds(self.interval)
    }

    pub(crate) fn timeout(&self) -> Duration {
        milliseconds(self.timeout)
    }
}

impl Validate for Periodic {
    fn validate(&self, problems: &mut Problems) {
        for (field, value) in [("interval", self.interval), ("timeout", self.timeout)] {
            if value <= 0 {
                problems.add(field, "must be a positive number of milliseconds");
            }
        }
    }
}

pub(super) fn milliseconds(number: i64) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or_default())
}

/// Where reports go: exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct PeriodicExporter {
    /// To an OTLP endpoint.
    pub otlp: Option<OtlpExporter>,
    /// To standard output, as one line of OTLP/JSON.
    pub console: Option<ConsoleExporter>,
}

impl Validate for PeriodicExporter {
    fn validate(&self, problems: &mut Problems) {
        if self.otlp.is_some() == self.console.is_some() {
            problems.add("", "must name one exporter: `otlp` or `console`");
        }
    }
}

/// Standard output. It has no settings.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct ConsoleExporter {}

impl Validate for ConsoleExporter {}
