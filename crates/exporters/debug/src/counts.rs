//! The first entry of every batch.

use component::{ComponentId, Telemetry};
use tracing::info;

/// What a batch holds, in numbers.
#[derive(Debug, PartialEq)]
pub(crate) enum Counts {
    Traces { resources: usize, spans: usize },
    Metrics { resources: usize, metrics: usize, points: usize },
    Logs { resources: usize, records: usize },
}

impl Counts {
    /// Counts.
    pub(crate) fn of(telemetry: &Telemetry) -> Self {
        let resources = telemetry.resource_count();
        let items = telemetry.item_count();
        match telemetry {
            Telemetry::Traces(_) => Self::Traces { resources, spans: items },
            Telemetry::Metrics(metrics) => {
                Self::Metrics { resources, metrics: metrics.metric_count(), points: items }
            }
            Telemetry::Logs(_) => Self::Logs { resources, records: items },
        }
    }

    /// The name of the entry.
    pub(crate) fn title(&self) -> &'static str {
        match self {
            Self::Traces { .. } => "Traces",
            Self::Metrics { .. } => "Metrics",
            Self::Logs { .. } => "Logs",
        }
    }

    /// Writes the entry into the agent's log.
    pub(crate) fn log(&self, exporter: &ComponentId) {
        let title = self.title();
        match *self {
            Self::Traces { resources, spans } => {
                info!("resource spans" = resources, spans, %exporter, "{title}");
            }
            Self::Metrics { resources, metrics, points } => {
                info!("resource metrics" = resources, metrics, "data points" = points, %exporter, "{title}");
            }
            Self::Logs { resources, records } => {
                info!("resource logs" = resources, "log records" = records, %exporter, "{title}");
            }
        }
    }

    /// The entry as a line of its own, in the form of zap's console encoder.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Traces { resources, spans } => {
                format!("Traces\t{{\"resource spans\": {resources}, \"spans\": {spans}}}")
            }
            Self::Metrics { resources, metrics, points } => format!(
                "Metrics\t{{\"resource metrics\": {resources}, \"metrics\": {metrics}, \"data points\": {points}}}"
            ),
            Self::Logs { resources, records } => {
                format!("Logs\t{{\"resource logs\": {resources}, \"log records\": {records}}}")
            }
        }
    }
}
